#include "model.h"

#include "quota/window.h"

#include <algorithm>

namespace weir::simulation {

using quota::Amounts;
using quota::Cost;

namespace {

Amounts amounts_of(const Cost& cost, std::int64_t requests) {
    return {requests, cost.tokens_in + cost.tokens_out, cost.nanousd};
}

std::int64_t start_of(std::size_t slot, WallTime now) {
    return quota::period_around(period_of(slot), config::TimeZone::utc(), now).start;
}

std::vector<std::size_t> subjects_of(const quota::Payer& payer) {
    std::vector<std::size_t> out{0, subject_index({quota::Scope::user, payer.user.value()}),
                                 subject_index({quota::Scope::key, payer.key.value()})};
    if (payer.team) out.push_back(subject_index({quota::Scope::team, payer.team->value()}));
    return out;
}

} // namespace

Model::Limit Model::limit(std::size_t slot) const {
    if (commands_[slot]) return commands_[slot];
    const auto scope = static_cast<std::size_t>(subject_at(slot / slots_per_subject).scope);
    return file_[scope][slot % slots_per_subject];
}

// A user's and a key's requests of the day are always counted.
bool Model::is_counted(std::size_t slot) const {
    if (limit(slot)) return true;
    const quota::Scope scope = subject_at(slot / slots_per_subject).scope;
    return slot % slots_per_subject == slot_in_subject(quota::Unit::requests, quota::Period::day) &&
           (scope == quota::Scope::user || scope == quota::Scope::key);
}

Model::Balance& Model::at(std::size_t slot, std::int64_t start) {
    touched_ |= 1u << (slot / slots_per_subject);
    for (Balance& balance : balances_[slot])
        if (balance.start == start) return balance;
    balances_[slot].push_back({start, 0, 0});
    return balances_[slot].back();
}

Model::Balance Model::balance(std::size_t slot, WallTime now) const {
    const std::int64_t start = start_of(slot, now);
    for (const Balance& balance : balances_[slot])
        if (balance.start == start) return balance;
    return {start, 0, 0};
}

bool Model::has_room(std::size_t slot, std::int64_t start, std::int64_t amount) const {
    const Limit most = limit(slot);
    if (!most) return true;
    for (const Balance& balance : balances_[slot])
        if (balance.start == start) return balance.settled + balance.held + amount <= *most;
    return amount <= *most;
}

bool Model::reserve(std::size_t call, const quota::Payer& payer, const quota::Bound& bound,
                    WallTime now) {
    const Cost cost{bound.input_tokens, bound.output_tokens,
                    bound.input_nanousd + bound.output_nanousd};
    const Amounts amounts = amounts_of(cost, 1);
    std::vector<Part> parts;
    for (const std::size_t subject : subjects_of(payer)) {
        touched_ |= 1u << subject;
        for (std::size_t i = 0; i < slots_per_subject; ++i) {
            const std::size_t slot = subject * slots_per_subject + i;
            if (!is_counted(slot)) continue;
            const Part part{slot, start_of(slot, now), amounts.of(unit_of(slot))};
            const bool free = bound.price == quota::Bound::Price::unknown &&
                              unit_of(slot) == quota::Unit::nanousd && limit(slot);
            if (free || !has_room(slot, part.start, part.held)) return false;
            parts.push_back(part);
        }
    }
    for (const Part& part : parts) at(part.slot, part.start).held += part.held;
    holds_.resize(std::max(holds_.size(), call + 1));
    holds_[call] = {State::open, payer.key.value(), std::move(parts), cost};
    ++open_;
    note({Did::reserve, 0, call, {}, {}});
    return true;
}

bool Model::extend(std::size_t call, std::int64_t tokens, std::int64_t nanousd) {
    Hold& hold = holds_[call];
    const Cost more{0, tokens, nanousd};
    const Amounts amounts = amounts_of(more, 0);
    for (const Part& part : hold.parts) {
        const std::int64_t amount = amounts.of(unit_of(part.slot));
        if (amount > 0 && !has_room(part.slot, part.start, amount)) return false;
    }
    hold_more(hold, more, 1);
    note({Did::extend, 0, call, more, {}});
    return true;
}

void Model::hold_more(Hold& hold, const Cost& more, std::int64_t sign) {
    const Amounts amounts = amounts_of(more, 0);
    for (Part& part : hold.parts) {
        const std::int64_t amount = sign * amounts.of(unit_of(part.slot));
        part.held += amount;
        at(part.slot, part.start).held += amount;
    }
    hold.cost.tokens_out += sign * more.tokens_out;
    hold.cost.nanousd += sign * more.nanousd;
}

// Ends a hold with a cost, or with none; or takes that back.
void Model::end(Hold& hold, const Cost* cost, std::int64_t sign) {
    const Amounts used = cost == nullptr ? Amounts{} : amounts_of(*cost, 1);
    bool beyond = false;
    for (const Part& part : hold.parts) {
        Balance& balance = at(part.slot, part.start);
        const std::int64_t amount = used.of(unit_of(part.slot));
        balance.held -= sign * part.held;
        balance.settled += sign * amount;
        beyond = beyond || amount > part.held;
    }
    hold.state = sign > 0 ? State::ended : State::open;
    open_ -= sign;
    if (cost == nullptr) return;
    for (Totals* totals : {&totals_[0], &totals_[static_cast<std::size_t>(hold.key)]}) {
        totals->requests += sign;
        totals->tokens_in += sign * cost->tokens_in;
        totals->tokens_out += sign * cost->tokens_out;
        totals->nanousd += sign * cost->nanousd;
        totals->overages += beyond ? sign : 0;
    }
}

void Model::settle(std::size_t call, const Cost& cost) {
    end(holds_[call], &cost, 1);
    note({Did::settle, 0, call, cost, {}});
}

void Model::release(std::size_t call) {
    end(holds_[call], nullptr, 1);
    note({Did::release, 0, call, {}, {}});
}

void Model::set_budget(std::size_t slot, Limit limit) {
    touched_ |= 1u << (slot / slots_per_subject);
    note({Did::set_budget, 0, slot, {}, commands_[slot]});
    commands_[slot] = limit;
}

void Model::set_file(const config::Quota& file) {
    const auto fill = [&](quota::Scope scope, const std::vector<config::Budget>& budgets) {
        auto& limits = file_[static_cast<std::size_t>(scope)];
        limits = {};
        for (const config::Budget& budget : budgets)
            limits[slot_in_subject(budget.unit, budget.period)] = budget.limit;
    };
    fill(quota::Scope::everyone, file.everyone);
    fill(quota::Scope::team, file.team);
    fill(quota::Scope::user, file.user);
    fill(quota::Scope::key, file.key);
    touched_ = (1u << subjects) - 1;
}

void Model::note(Step step) { steps_.push_back(step); }

void Model::stamp(std::int64_t lsn) {
    for (; stamped_ < steps_.size(); ++stamped_) steps_[stamped_].lsn = lsn;
}

std::int64_t Model::crash(std::int64_t lsn) {
    while (!steps_.empty() && steps_.back().lsn > lsn) {
        undo(steps_.back());
        steps_.pop_back();
    }
    // What is on the disk is never taken back.
    steps_.clear();
    stamped_ = 0;
    std::int64_t open = 0;
    for (Hold& hold : holds_) {
        if (hold.state != State::open) continue;
        ++open;
        // Every part is settled at what it holds, so none of it lies beyond.
        const Cost whole = hold.cost;
        end(hold, &whole, 1);
    }
    return open;
}

void Model::undo(const Step& step) {
    if (step.did == Did::set_budget) {
        commands_[step.place] = step.before;
        touched_ |= 1u << (step.place / slots_per_subject);
        return;
    }
    Hold& hold = holds_[step.place];
    switch (step.did) {
    case Did::reserve:
        for (const Part& part : hold.parts) at(part.slot, part.start).held -= part.held;
        hold.state = State::none;
        --open_;
        return;
    case Did::extend: return hold_more(hold, step.cost, -1);
    case Did::settle: return end(hold, &step.cost, -1);
    case Did::release: return end(hold, nullptr, -1);
    case Did::set_budget: return;
    }
}

} // namespace weir::simulation
