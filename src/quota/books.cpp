#include "quota/books.h"

#include "base/limits.h"

#include <algorithm>
#include <cstdlib>
#include <fmt/core.h>

namespace weir::quota {
namespace {

constexpr std::int64_t micros_per_day = 86'400'000'000;
constexpr std::int64_t seconds_max = INT64_MAX / 1'000'000; // what microseconds can count

// Damaged entries are counted too, by verify: a sum may wrap but not stop the
// program.
void add(std::int64_t& sum, std::int64_t n) { (void)__builtin_add_overflow(sum, n, &sum); }

} // namespace

Window* AccountState::find(std::int64_t start) {
    for (Window& window : windows)
        if (window.span.start == start && !window.is_over()) return &window;
    return nullptr;
}

Window AccountState::at(WallTime now) const {
    const std::int64_t second = to_seconds(now);
    const auto is_now = [&](const Window& w) {
        return w.span.start <= second && second < w.span.end;
    };
    if (!windows.empty() && is_now(windows.back())) return windows.back();
    const auto known = std::ranges::find_if(windows, is_now); // the clock went back
    if (known != windows.end()) return *known;
    Window out{period_around(account.period, *account.zone, now)};
    // A clock that goes back further than that is not believed: what was spent there is not known,
    // so the oldest window that is known serves.
    if (out.span.start < forgotten_until && !windows.empty())
        return *std::ranges::min_element(windows, {}, [](const Window& w) { return w.span.start; });
    // One that was begun in another zone keeps its time.
    for (const Window& w : windows) {
        if (!w.is_used()) continue;
        if (w.span.end <= second) out.span.start = std::max(out.span.start, w.span.end);
        else out.span.end = std::min(out.span.end, w.span.start);
    }
    return out;
}

Window& AccountState::open(const Window& window) {
    // The newest stay, since the clock may go back into one, or the next zone's day may have begun
    // in one, and none goes that a summary has yet to write.
    if (!windows_dirty && windows.size() >= limits::windows_kept) {
        std::size_t more = windows.size() - limits::windows_kept + 1;
        std::erase_if(windows, [&](const Window& w) {
            const bool goes = more > 0 && w.held == 0 && w.holds == 0;
            if (goes) --more;
            if (goes) forgotten_until = std::max(forgotten_until, w.span.end);
            return goes;
        });
    }
    // Its place in a summary may be that of one that is over.
    std::erase_if(windows, [&](const Window& w) { return w.span.start == window.span.start; });
    windows.push_back(window);
    return windows.back();
}

AccountState* Books::find(AccountId id) {
    const auto index = static_cast<std::size_t>(id.value() - 1);
    return id.value() >= 1 && index < accounts_.size() ? &accounts_[index] : nullptr;
}

AccountState* Books::find(const Subject& subject, Unit unit, Period period) {
    const auto found = index_.find({subject, unit, period});
    return found == index_.end() ? nullptr : find(found->second);
}

std::vector<AccountState*> Books::of(const Subject& subject) {
    std::vector<AccountState*> out;
    if (const auto found = by_subject_.find(subject); found != by_subject_.end())
        for (const AccountId id : found->second) out.push_back(find(id));
    return out;
}

std::optional<std::string> Books::apply(const Entry& entry, Effect effect) {
    switch (entry.kind) {
    case EntryKind::reserve:
    case EntryKind::extend: return apply_reserve(entry, effect);
    case EntryKind::settle:
    case EntryKind::void_:
    case EntryKind::expire: return apply_end(entry, effect);
    case EntryKind::overage:
    case EntryKind::correct: {
        if (effect == Effect::holds_only) return std::nullopt;
        for (const Delta& delta : entry.deltas) {
            if (delta.held != 0) return "I3: an overage or correction changes what is held";
            if (auto fault = change(delta, entry)) return fault;
        }
        count_usage(entry);
        return std::nullopt;
    }
    case EntryKind::limit_change:
        return effect == Effect::all ? apply_account(entry) : std::nullopt;
    }
    return "an entry of an unknown kind";
}

std::optional<std::string> Books::apply_reserve(const Entry& entry, Effect effect) {
    const bool opens = entry.kind == EntryKind::reserve;
    const auto known = holds_.find(entry.hold);
    if (opens && known != holds_.end()) return "I2: a hold is opened twice";
    if (!opens && known == holds_.end()) return "I2: a hold that is not open is extended";
    if (effect == Effect::all) {
        for (const Delta& delta : entry.deltas) {
            if (delta.settled != 0 || delta.held < 0) return "I3: a reserve settles or releases";
            if (auto fault = change(delta, entry)) return fault;
        }
    }
    if (opens) {
        holds_.emplace(entry.hold, entry);
        count_hold(entry, 1);
        return std::nullopt;
    }
    Entry& hold = known->second;
    for (const Delta& delta : entry.deltas) {
        const auto same = std::ranges::find_if(hold.deltas, [&](const Delta& held) {
            return held.account == delta.account && held.window_start == delta.window_start;
        });
        if (same == hold.deltas.end()) return "I5: an extension holds in a window of its own";
        if (__builtin_add_overflow(same->held, delta.held, &same->held))
            return "a balance overflows";
    }
    add(hold.tokens_out, entry.tokens_out);
    add(hold.nanousd, entry.nanousd);
    return std::nullopt;
}

std::optional<std::string> Books::apply_end(const Entry& entry, Effect effect) {
    const auto known = holds_.find(entry.hold);
    if (known == holds_.end())
        return fmt::format("I2: {} of a hold that is not open", name(entry.kind));
    if (effect == Effect::all) {
        const auto& held = known->second.deltas;
        if (entry.deltas.size() != held.size())
            return "I3: an end releases other windows than were held";
        for (std::size_t i = 0; i < held.size(); ++i) {
            const Delta& delta = entry.deltas[i];
            // I5: the windows are those of the reserve, however late the end comes.
            if (delta.account != held[i].account || delta.window_start != held[i].window_start)
                return "I5: an end charges another window than was held";
            if (delta.held > 0 || held[i].held + delta.held != 0)
                return "I3: an end releases another amount than was held";
            if (delta.settled < 0 || delta.settled > held[i].held)
                return "I4: an end settles more than was held";
            if (auto fault = change(delta, entry)) return fault;
        }
        if (entry.kind != EntryKind::void_) count_usage(entry);
    }
    count_hold(known->second, -1);
    holds_.erase(known);
    return std::nullopt;
}

// Windows with nothing in them that an open hold stands in are not forgotten.
void Books::count_hold(const Entry& hold, std::int64_t by) {
    for (const Delta& delta : hold.deltas)
        if (AccountState* const state = find(delta.account))
            if (Window* const window = state->find(delta.window_start)) window->holds += by;
}

std::optional<std::string> Books::change(const Delta& delta, const Entry& entry) {
    AccountState* const state = find(delta.account);
    if (state == nullptr) return fmt::format("account {} does not exist", delta.account.value());
    Window* window = state->find(delta.window_start);
    if (window == nullptr) {
        if (std::abs(delta.window_start) > seconds_max) return "I5: a window lies outside of time";
        const WallTime at{std::chrono::microseconds(entry.at)};
        const Window now = state->at(at);
        if (now.span.start != delta.window_start) {
            Span span = period_around(state->account.period, *state->account.zone,
                                      WallTime(std::chrono::seconds(delta.window_start)));
            const bool utc = state->account.zone == &config::TimeZone::utc();
            if (utc ? span.start != delta.window_start : delta.window_start > to_seconds(at))
                return "I5: a window does not begin where its period does";
            span.start = delta.window_start;
            state->windows.insert(state->windows.begin(), Window{span});
            window = &state->windows.front();
        } else {
            window = &state->open(now);
        }
    }
    if (__builtin_add_overflow(window->settled, delta.settled, &window->settled) ||
        __builtin_add_overflow(window->held, delta.held, &window->held))
        return "a balance overflows";
    if (window->held < 0) return "I3: more is released than was held";
    const bool admits = entry.kind == EntryKind::reserve || entry.kind == EntryKind::extend;
    const auto& limit = state->account.limit;
    std::int64_t sum = 0;
    if (__builtin_add_overflow(window->settled, window->held, &sum)) return "a balance overflows";
    if (admits && limit && delta.held > 0 && sum > *limit) {
        return fmt::format("I1: {} of {} admitted in account {}", sum, *limit,
                           delta.account.value());
    }
    if (!state->windows_dirty) dirty_.push_back(state->account.id);
    state->windows_dirty = true;
    return std::nullopt;
}

std::optional<std::string> Books::apply_account(const Entry& entry) {
    if (!entry.account) return "a limit change without an account";
    const Account& account = *entry.account;
    if (AccountState* const known = find(account.id)) {
        if (known->account.subject != account.subject || known->account.unit != account.unit ||
            known->account.period != account.period)
            return "an account changes what it counts";
        // Windows of the old zone that nothing stands in are over.
        if (known->account.zone != account.zone)
            for (Window& window : known->windows)
                if (!window.is_used()) {
                    window.span.end = window.span.start;
                    known->windows_dirty = true;
                }
        known->account = account;
        known->account_dirty = true;
        dirty_.push_back(account.id);
        return std::nullopt;
    }
    if (account.id != next_account_id()) return "an account is numbered out of turn";
    if (!index_.emplace(AccountKey{account.subject, account.unit, account.period}, account.id)
             .second)
        return "an account is made twice";
    AccountState& made = accounts_.emplace_back();
    made.account = account;
    made.account_dirty = true;
    by_subject_[account.subject].push_back(account.id);
    dirty_.push_back(account.id);
    return std::nullopt;
}

Books::PayerKey Books::payer_key(const Payer& payer) {
    return {payer.key.value(), payer.user.value(), payer.team ? payer.team->value() : 0};
}

void Books::count_usage(const Entry& entry) {
    const bool overage = entry.kind == EntryKind::overage;
    const bool request = entry.kind == EntryKind::settle || entry.kind == EntryKind::expire;
    const PayerKey payer = payer_key(entry.payer);
    UsageRow& row = new_usage_[{entry.at / micros_per_day, payer, entry.model}];
    row.day = entry.at / micros_per_day;
    row.payer = entry.payer;
    row.model = entry.model;
    Totals& totals = totals_[payer];
    const auto count = [](std::int64_t& a, std::int64_t& b, std::int64_t n) {
        add(a, n), add(b, n);
    };
    const bool taken_back = entry.kind == EntryKind::correct && entry.reason == Reason::failed;
    count(row.requests, totals.requests, request ? 1 : taken_back ? -1 : 0);
    count(row.tokens_in, totals.tokens_in, entry.tokens_in);
    count(row.tokens_out, totals.tokens_out, entry.tokens_out);
    count(row.nanousd, totals.nanousd, entry.nanousd);
    count(row.overages, totals.overages, overage ? 1 : 0);
}

Books::Totals Books::totals(const Subject& subject) const {
    const auto matches = [&](const PayerKey& payer) {
        switch (subject.scope) {
        case Scope::key: return std::get<0>(payer) == subject.id;
        case Scope::user: return std::get<1>(payer) == subject.id;
        case Scope::team: return std::get<2>(payer) == subject.id;
        case Scope::everyone: return true;
        }
        return false;
    };
    Totals out;
    for (const auto& [payer, totals] : totals_) {
        if (!matches(payer)) continue;
        add(out.requests, totals.requests);
        add(out.tokens_in, totals.tokens_in);
        add(out.tokens_out, totals.tokens_out);
        add(out.nanousd, totals.nanousd);
        add(out.overages, totals.overages);
    }
    for (const auto& [id, hold] : holds_)
        if (matches(payer_key(hold.payer))) ++out.holds_open;
    return out;
}

Books::Totals Books::totals_of(const Payer& payer) const {
    const auto found = totals_.find(payer_key(payer));
    return found == totals_.end() ? Totals{} : found->second;
}

void Books::collect(Summary& summary) {
    for (const AccountId id : dirty_) {
        AccountState& state = *find(id);
        if (state.account_dirty) summary.accounts.push_back(state.account);
        if (state.windows_dirty)
            for (const Window& window : state.windows) summary.windows.push_back({id, window});
        state.account_dirty = state.windows_dirty = false;
    }
    dirty_.clear();
    for (auto& [key, row] : new_usage_) summary.usage.push_back(std::move(row));
    new_usage_.clear();
}

std::string Books::pack_holds() const {
    std::string out;
    for (const auto& [id, hold] : holds_) append_entry(out, hold);
    return out;
}

bool Books::restore(const LedgerStore::Saved& saved) {
    Entry made;
    made.kind = EntryKind::limit_change;
    for (const Account& account : saved.accounts) {
        made.account = std::make_shared<const Account>(account);
        if (apply_account(made)) return false;
    }
    for (const WindowRow& row : saved.windows) {
        AccountState* const state = find(row.account);
        if (state == nullptr) return false;
        state->windows.push_back(row.window);
    }
    for (AccountState& state : accounts_) {
        state.account_dirty = false;
        std::ranges::sort(state.windows, {}, [](const Window& w) { return w.span.start; });
        if (state.windows.size() >= limits::windows_kept)
            state.forgotten_until = state.windows.front().span.start;
    }
    dirty_.clear();
    for (const UsageRow& row : saved.totals) {
        totals_[payer_key(row.payer)] = {row.requests, row.tokens_in, row.tokens_out,
                                         row.nanousd,  row.overages,  0};
    }
    std::string_view packed = saved.open_holds;
    while (!packed.empty()) {
        auto entry = take_entry(packed);
        if (!entry || apply_reserve(*entry, Effect::holds_only)) return false;
    }
    return true;
}

} // namespace weir::quota
