#include "witness.h"

#include <algorithm>

namespace weir::simulation {

using quota::Delta;
using quota::Entry;
using quota::EntryKind;
using quota::Window;

void Witness::see(const quota::StoredBatch& row) {
    report_.check(row.batch.first_lsn == next_, "entry {} is followed by entry {} on the disk",
                  next_ - 1, row.batch.first_lsn);
    report_.check(row.checksum == quota::batch_checksum(row.batch), "a row is damaged");
    std::string_view payload = row.batch.payload;
    for (std::uint32_t i = 0; i < row.batch.count; ++i) {
        const auto entry = quota::take_entry(payload);
        if (!report_.check(entry.has_value(), "entry {} cannot be read", next_)) return;
        lsn_ = next_++;
        see_entry(*entry);
    }
    report_.check(payload.empty(), "a row holds more than its entries");
}

const Witness::Hold* Witness::find(std::size_t call) const {
    return call < holds_.size() && holds_[call] ? &*holds_[call] : nullptr;
}

void Witness::see_entry(const Entry& entry) {
    if (entry.kind == EntryKind::limit_change) return see_account(entry);
    if (entry.kind == EntryKind::reserve) return open(entry);
    const auto call = calls_.find(entry.hold);
    if (!report_.check(call != calls_.end(), "I2: entry {}, {}, is of no hold", lsn_,
                       name(entry.kind)))
        return;
    Hold& hold = *holds_[call->second];
    switch (entry.kind) {
    case EntryKind::extend: return extend(entry, hold);
    case EntryKind::settle:
    case EntryKind::void_:
    case EntryKind::expire: return end(entry, hold);
    case EntryKind::overage:
    case EntryKind::correct: return see_overage(entry, hold);
    case EntryKind::reserve:
    case EntryKind::limit_change: return;
    }
}

void Witness::see_account(const Entry& entry) {
    if (!report_.check(entry.account != nullptr, "entry {} changes no account", lsn_)) return;
    const auto id = static_cast<std::size_t>(entry.account->id.value());
    if (!report_.check(id >= 1 && id <= accounts_.size() + 1, "entry {}: account {} is new", lsn_,
                       id))
        return;
    if (id > accounts_.size()) accounts_.emplace_back();
    accounts_[id - 1].account = *entry.account;
}

void Witness::open(const Entry& entry) {
    const std::size_t call = entry.model.empty() ? 0 : std::stoul(entry.model.substr(1));
    holds_.resize(std::max(holds_.size(), call + 1));
    if (!report_.check(calls_.emplace(entry.hold, call).second && !holds_[call],
                       "I2: the hold of call {} is opened twice", call))
        return;
    const std::int64_t second = entry.at / 1'000'000;
    for (const Delta& delta : entry.deltas) {
        change(entry, delta);
        const Window* const window = window_of(delta);
        report_.check(window == nullptr ||
                          (window->span.start <= second && second < window->span.end),
                      "I5: entry {} holds in a window that it is not in", lsn_);
    }
    check_admitted(entry);
    holds_[call] = {{}, {}, entry.deltas, {entry.tokens_in, entry.tokens_out, entry.nanousd}, {}};
}

void Witness::extend(const Entry& entry, Hold& hold) {
    report_.check(!hold.end, "I2: entry {} extends a hold that has ended", lsn_);
    for (const Delta& delta : entry.deltas) {
        const auto same = std::ranges::find_if(hold.held, [&](const Delta& held) {
            return held.account == delta.account && held.window_start == delta.window_start;
        });
        if (report_.check(same != hold.held.end(), "I5: entry {} holds in another window", lsn_))
            same->held += delta.held;
        change(entry, delta);
    }
    check_admitted(entry);
    hold.bound.tokens_out += entry.tokens_out;
    hold.bound.nanousd += entry.nanousd;
}

void Witness::end(const Entry& entry, Hold& hold) {
    report_.check(!hold.end, "I2: entry {}, {}, ends a hold again", lsn_, name(entry.kind));
    report_.check(entry.deltas.size() == hold.held.size(), "I3: entry {} ends part of a hold",
                  lsn_);
    for (std::size_t i = 0; i < std::min(entry.deltas.size(), hold.held.size()); ++i) {
        const Delta& delta = entry.deltas[i];
        const Delta& held = hold.held[i];
        report_.check(delta.account == held.account && delta.window_start == held.window_start,
                      "I5: entry {} ends in another window", lsn_);
        report_.check(delta.held == -held.held, "I3: entry {} releases {} of {} held", lsn_,
                      -delta.held, held.held);
        report_.check(delta.settled >= 0 && delta.settled <= held.held,
                      "I4: entry {} settles {} of {} held", lsn_, delta.settled, held.held);
        report_.check(entry.kind != EntryKind::void_ || delta.settled == 0,
                      "entry {} is void and settles", lsn_);
        change(entry, delta);
    }
    hold.end = entry.kind;
    hold.reason = entry.reason;
    hold.charged = {entry.tokens_in, entry.tokens_out, entry.nanousd};
}

void Witness::see_overage(const Entry& entry, const Hold& hold) {
    report_.check(hold.end.has_value(), "I4: entry {}, {}, of a hold that is open", lsn_,
                  name(entry.kind));
    for (const Delta& delta : entry.deltas) {
        report_.check(delta.held == 0, "I3: entry {}, {}, holds", lsn_, name(entry.kind));
        change(entry, delta);
    }
}

Window* Witness::window_of(const Delta& delta) {
    const auto id = static_cast<std::size_t>(delta.account.value());
    if (!report_.check(id >= 1 && id <= accounts_.size(), "entry {}: account {} does not exist",
                       lsn_, id))
        return nullptr;
    Account& account = accounts_[id - 1];
    for (Window& window : account.windows)
        if (window.span.start == delta.window_start) return &window;
    const WallTime at{std::chrono::seconds(delta.window_start)};
    const quota::Span span =
        quota::period_around(account.account.period, config::TimeZone::utc(), at);
    report_.check(span.start == delta.window_start, "I5: entry {}: no window begins at {}", lsn_,
                  delta.window_start);
    account.windows.push_back({span, 0, 0});
    return &account.windows.back();
}

void Witness::change(const Entry& entry, const Delta& delta) {
    Window* const window = window_of(delta);
    if (window == nullptr) return;
    window->settled += delta.settled;
    window->held += delta.held;
    report_.check(window->held >= 0, "I3: entry {}, {}, leaves {} held", lsn_, name(entry.kind),
                  window->held);
}

// Nobody is admitted past a limit, whatever took the balance there before.
void Witness::check_admitted(const Entry& entry) {
    for (const Delta& delta : entry.deltas) {
        const Window* const window = window_of(delta);
        if (window == nullptr || delta.held == 0) continue;
        const auto& limit =
            accounts_[static_cast<std::size_t>(delta.account.value()) - 1].account.limit;
        report_.check(!limit || window->settled + window->held <= *limit,
                      "I1: entry {}, {}, takes account {} to {} of {}", lsn_, name(entry.kind),
                      delta.account.value(), window->settled + window->held, limit.value_or(0));
    }
}

} // namespace weir::simulation
