#pragma once
// How much of an answer may be passed on: as much as the reservation has on disk. An answer is held
// for a slab of its output at a time; when half of the last one is left another is asked for, and
// what goes beyond the last durable one waits. A slab is spent at a cheap upper bound: two bytes of
// text are taken for a token, and never less than the provider's own running count. The bound that
// the client named ends the asking, unless the provider does not keep it.
// Thread: the loop's.

#include "base/limits.h"
#include "chat/chat_event.h"
#include "config/config.h"
#include "net/task.h"
#include "quota/reservation.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <vector>

namespace weir::upstream {

class Allowance {
public:
    struct Terms {
        std::int64_t held = 0;            // output tokens that the reservation began with
        std::optional<std::int64_t> most; // what the client bounded all choices to; held by then,
                                          // no more is asked for
        std::int64_t usual = 0;           // the model's own bound where the client named none
        config::Price dearest;            // what another slab may cost
        // Until then, and for a whole answer as long as it takes, nothing was sent to the client.
        SteadyTime pending_until = SteadyTime::max();
    };
    Allowance(quota::Reservation& reservation, net::Loop& loop, const Terms& terms);

    // Another attempt begins: what a dead one produced is not counted, unless it was passed on.
    void restart();
    // The next attempt goes on with what has passed.
    void go_on() { passed_on_ = bytes_; }
    // Holds all that the answer may need, for a call that cannot be cut.
    // Errors: quota_exceeded, ledger_unavailable.
    Result<void> hold_all();

    // Whether all of `events` is covered; then they count as passed.
    bool pass_now(const std::vector<chat::ChatEvent>& events);
    // As much of `events` as the budgets pay for. Where that is less than all, they end with a
    // finish for reason `length` of every choice that has not finished, and was_cut() holds.
    // Errors: ledger_unavailable; quota_exceeded where nothing at all is paid for and nothing was
    // sent yet.
    WEIR_OWN_FRAME net::Task<Result<void>> pass(std::vector<chat::ChatEvent>& events);
    // Asked where a slab is refused: how many tokens the output that has passed and `more` are, if
    // that can be known exactly. The cheap bound is mostly twice the truth.
    using Count = std::function<net::Task<std::optional<std::int64_t>>(std::string more)>;
    void count_exactly_by(Count count) { count_ = std::move(count); }

    // Output tokens of what has passed, about: the provider's own count, or four bytes each.
    std::int64_t produced() const { return std::max((bytes_ + 3) / 4, reported_); }
    bool was_cut() const { return refusal_.has_value(); }
    // The refusal that cut it. Requires: was_cut().
    const Error& refusal() const { return *refusal_; }

private:
    // Tokens spent once so many bytes have passed. Up to the client's own bound two bytes are taken
    // for a token; a provider that surely goes beyond it is metered by its count, or four bytes.
    std::int64_t spent(std::int64_t bytes) const;
    bool is_roomy(std::int64_t spent) const;
    void note(const chat::ChatEvent& event);
    // What the output comes to with the event at `up_to` and those before it in its read, counted
    // exactly if that can be.
    WEIR_OWN_FRAME net::Task<std::int64_t> recount(const std::vector<chat::ChatEvent>& events,
                                                   std::size_t up_to, std::int64_t after);
    // As many bytes a slab, whichever way they are taken for tokens.
    std::int64_t slab() const { return count_ ? 2 * limits::slab_tokens : limits::slab_tokens; }
    Result<void> extend(std::int64_t tokens);
    Result<void> extend_for(std::int64_t spent);
    Result<void> extend_by_less(std::int64_t spent);
    void cut(std::vector<chat::ChatEvent>& events, std::size_t kept);

    quota::Reservation& reservation_;
    net::Loop& loop_;
    config::Price dearest_;
    SteadyTime pending_until_;
    std::int64_t usual_;
    std::int64_t most_; // INT64_MAX where nothing bounds it
    std::int64_t granted_;
    std::int64_t durable_;
    Count count_;
    std::int64_t counted_tokens_ = 0; // exactly, of the first counted_bytes_
    std::int64_t counted_bytes_ = 0;
    std::int64_t passed_on_ = 0; // bytes of an attempt that is gone on with
    std::int64_t bytes_ = 0;
    std::int64_t reported_ = 0; // by the provider, so far
    std::uint64_t begun_ = 0;   // a bit for each choice
    std::uint64_t finished_ = 0;
    std::optional<Error> refusal_;
};

} // namespace weir::upstream
