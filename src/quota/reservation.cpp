#include "quota/reservation.h"

#include "base/ensure.h"
#include "quota/ledger.h"

#include <algorithm>
#include <utility>

namespace weir::quota {

Reservation::Reservation(Reservation&& other) noexcept
    : ledger_(std::exchange(other.ledger_, nullptr)),
      hold_(other.hold_),
      lsn_(other.lsn_),
      counted_(other.counted_),
      certainty_(other.certainty_),
      sent_(other.sent_) {}

Reservation::~Reservation() {
    if (ledger_ == nullptr) return;
    if (!sent_) {
        std::move(*this).release();
        return;
    }
    const End end{Reason::cancelled, counted_, certainty_};
    std::move(*this).settle(end);
}

net::Task<Result<void>> Reservation::durable(net::Loop& loop) {
    return ledger_->when_durable(lsn_, loop);
}

Result<void> Reservation::extend(std::int64_t output_tokens, std::int64_t nanousd) {
    WEIR_TRY(lsn_, ledger_->extend(hold_, output_tokens, nanousd));
    return {};
}

void Reservation::renew() {
    if (ledger_ != nullptr) ledger_->renew(hold_);
}

void Reservation::mark_sent(const Cost& input) {
    sent_ = true;
    count(input, Certainty::estimated);
}

void Reservation::count(const Cost& so_far, Certainty certainty) {
    counted_.tokens_in = std::max(counted_.tokens_in, so_far.tokens_in);
    counted_.tokens_out = std::max(counted_.tokens_out, so_far.tokens_out);
    counted_.nanousd = std::max(counted_.nanousd, so_far.nanousd);
    certainty_ = certainty;
}

std::int64_t Reservation::settle(const End& end) && {
    Ledger* const ledger = std::exchange(ledger_, nullptr);
    if (!ensure(ledger != nullptr, "a reservation is settled twice")) return 0;
    return ledger->settle(hold_, end);
}

void Reservation::release() && {
    Ledger* const ledger = std::exchange(ledger_, nullptr);
    if (!ensure(ledger != nullptr, "a reservation is ended twice")) return;
    ledger->release(hold_);
}

} // namespace weir::quota
