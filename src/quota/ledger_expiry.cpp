// allow(orphan): the part of quota/ledger.h that ends holds which nobody renews.

#include "base/limits.h"
#include "quota/ledger.h"

namespace weir::quota {

using namespace std::chrono;

// A hold is watched from the first look that finds it open, on the clock that does not jump. So an
// admission costs nothing for it.
std::size_t Ledger::expire() {
    std::size_t expired = 0;
    {
        const std::lock_guard lock(mutex_);
        if (broken_ || stopped_) return 0;
        const SteadyTime now = world_.clock.steady();
        std::erase_if(watched_,
                      [&](const auto& one) { return !books_.holds().contains(one.first); });
        std::vector<Entry> ends;
        for (const auto& [id, hold] : books_.holds()) {
            const auto [watched, is_new] = watched_.try_emplace(id, Watched{now, now});
            if (now - watched->second.renewed >= limits::hold_time)
                ends.push_back(whole_end(hold, EntryKind::expire, world_.clock.wall()));
        }
        for (const Entry& end : ends) {
            append(end);
            watched_.erase(end.hold);
            expired_.emplace(end.hold, end);
        }
        expired = ends.size();
    }
    if (expired > 0) world_.store.nudge();
    return expired;
}

void Ledger::renew(const Uuid& id) {
    {
        const std::lock_guard lock(mutex_);
        const auto watched = watched_.find(id);
        const auto hold = books_.holds().find(id);
        if (watched == watched_.end() || hold == books_.holds().end() || broken_) return;
        const SteadyTime now = world_.clock.steady();
        watched->second.renewed = now;
        // Half its life is written down, as an extension by nothing.
        if (now - watched->second.written < limits::hold_time / 2) return;
        watched->second.written = now;
        scratch_ = hold->second;
        scratch_.kind = EntryKind::extend;
        scratch_.at = world_.clock.wall().time_since_epoch().count();
        scratch_.tokens_in = scratch_.tokens_out = scratch_.nanousd = 0;
        scratch_.deltas.clear();
        scratch_.request_digest.clear();
        append(scratch_);
    }
    world_.store.nudge();
}

// The hold was expired, and charged whole, before its owner came to end it: what is too much comes
// back, what is missing is added, as a later truth.
std::optional<std::int64_t> Ledger::correct(const Uuid& id, const Amounts& used, const Cost& cost,
                                            Reason reason) {
    const auto found = expired_.find(id);
    if (found == expired_.end()) return std::nullopt;
    Entry entry = std::move(found->second);
    expired_.erase(found);
    entry.kind = EntryKind::correct;
    entry.at = world_.clock.wall().time_since_epoch().count();
    entry.reason = reason;
    entry.certainty = Certainty::reported;
    entry.tokens_in = cost.tokens_in - entry.tokens_in;
    entry.tokens_out = cost.tokens_out - entry.tokens_out;
    entry.nanousd = cost.nanousd - entry.nanousd;
    for (Delta& delta : entry.deltas) {
        delta.settled = used.of(books_.find(delta.account)->account.unit) - delta.settled;
        delta.held = 0;
    }
    return append(entry);
}

} // namespace weir::quota
