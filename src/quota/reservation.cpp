#include "quota/reservation.h"

#include "base/ensure.h"
#include "quota/ledger.h"

#include <algorithm>

namespace weir::quota {

Reservation::Reservation(std::unique_ptr<State> state) : state_(std::move(state)) {}
Reservation::Reservation(Reservation&& other) noexcept = default;

Reservation::~Reservation() {
    if (!state_) return;
    if (state_->sent == State::Sent::no) {
        std::move(*this).release();
        return;
    }
    const End end{Reason::cancelled, state_->counted, state_->certainty};
    std::move(*this).settle(end);
}

net::Task<Result<void>> Reservation::durable(net::Loop& loop) {
    return state_->ledger->when_durable(state_->lsn, loop);
}

void Reservation::mark_sent(const Cost& input) {
    state_->sent = State::Sent::yes;
    count(input, Certainty::estimated);
}

void Reservation::count(const Cost& so_far, Certainty certainty) {
    Cost& counted = state_->counted;
    counted.tokens_in = std::max(counted.tokens_in, so_far.tokens_in);
    counted.tokens_out = std::max(counted.tokens_out, so_far.tokens_out);
    counted.nanousd = std::max(counted.nanousd, so_far.nanousd);
    state_->certainty = certainty;
}

const Cost& Reservation::counted() const { return state_->counted; }
Certainty Reservation::certainty() const { return state_->certainty; }
bool Reservation::sent() const { return state_->sent == State::Sent::yes; }

std::int64_t Reservation::settle(const End& end) && {
    const std::unique_ptr<State> state = std::move(state_);
    if (!ensure(state != nullptr, "a reservation is settled twice")) return 0;
    Ledger& ledger = *state->ledger;
    Entry entry = state->hold;
    entry.kind = EntryKind::settle;
    entry.at = ledger.now_micros();
    entry.reason = end.reason;
    entry.certainty = end.certainty;
    entry.tokens_in = end.cost.tokens_in;
    entry.tokens_out = end.cost.tokens_out;
    entry.nanousd = end.cost.nanousd;
    const Amounts used{1, end.cost.tokens_in + end.cost.tokens_out, end.cost.nanousd};
    std::optional<Entry> overage;
    for (std::size_t i = 0; i < entry.deltas.size(); ++i) {
        Delta& delta = entry.deltas[i];
        const std::int64_t held = delta.held;
        const std::int64_t amount = used.of(state->units[i]);
        delta.settled = std::min(amount, held);
        delta.held = -held;
        if (amount <= held) continue;
        // What was really used is never dropped: the rest is an entry of its own, and it is
        // counted.
        if (!overage) {
            overage = state->hold;
            overage->kind = EntryKind::overage;
            overage->at = entry.at;
            overage->reason = end.reason;
            overage->deltas.clear();
            overage->tokens_in = overage->tokens_out = overage->nanousd = 0;
        }
        overage->deltas.push_back({delta.account, delta.window_start, amount - held, 0});
    }
    return ledger.end_hold(entry, overage);
}

void Reservation::release() && {
    const std::unique_ptr<State> state = std::move(state_);
    if (!ensure(state != nullptr, "a reservation is ended twice")) return;
    Entry entry = state->hold;
    entry.kind = EntryKind::void_;
    entry.at = state->ledger->now_micros();
    entry.reason = Reason::failed;
    entry.tokens_in = entry.tokens_out = entry.nanousd = 0;
    for (Delta& delta : entry.deltas) delta.held = -delta.held;
    state->ledger->end_hold(entry, std::nullopt);
}

} // namespace weir::quota
