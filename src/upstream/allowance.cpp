#include "upstream/allowance.h"

#include "base/limits.h"
#include "net/loop.h"
#include "quota/price.h"

#include <algorithm>
#include <limits>

namespace weir::upstream {
namespace {

constexpr std::int64_t unbounded = std::numeric_limits<std::int64_t>::max();

std::uint64_t bit_of(std::uint32_t choice) { return std::uint64_t{1} << (choice % 64); }

// The choice that an event speaks for, if any.
std::optional<std::uint32_t> choice_of(const chat::ChatEvent& event) {
    return std::visit(
        [](const auto& e) -> std::optional<std::uint32_t> {
            if constexpr (requires { e.choice; }) return e.choice;
            else return std::nullopt;
        },
        event);
}

} // namespace

Allowance::Allowance(quota::Reservation& reservation, net::Loop& loop, const Terms& terms)
    : reservation_(reservation),
      loop_(loop),
      dearest_(terms.dearest),
      pending_until_(terms.pending_until),
      usual_(terms.usual),
      most_(terms.most.value_or(unbounded)),
      granted_(terms.held),
      durable_(terms.held) {}

void Allowance::restart() {
    bytes_ = passed_on_;
    reported_ = 0;
    finished_ = 0;
    if (passed_on_ > 0) return;
    counted_tokens_ = counted_bytes_ = 0;
    begun_ = 0;
}

Result<void> Allowance::hold_all() {
    const std::int64_t all = most_ == unbounded ? usual_ : most_;
    if (granted_ >= all) return {};
    return extend(all - granted_);
}

Result<void> Allowance::extend(std::int64_t tokens) {
    WEIR_CHECK(reservation_.extend(tokens, quota::output_bound_nanousd(dearest_, tokens)));
    granted_ += tokens;
    return {};
}

std::int64_t Allowance::spent(std::int64_t bytes) const {
    const std::int64_t least = std::max((bytes + 3) / 4, reported_);
    if (!count_ && least > most_) return least;
    // Of a text that can be counted a byte is a token until it is: there is no way around that.
    if (count_) return std::max(counted_tokens_ + bytes - counted_bytes_, reported_);
    return std::max(std::min((bytes + 1) / 2, most_), reported_);
}

net::Task<std::int64_t> Allowance::recount(const std::vector<chat::ChatEvent>& events,
                                           std::size_t up_to, std::int64_t after) {
    if (!count_) co_return after;
    // What came in the same read is not in the log yet.
    std::string more;
    for (std::size_t i = 0; i < up_to; ++i) chat::append_output(events[i], more);
    const auto bytes = bytes_ + static_cast<std::int64_t>(chat::output_bytes(events[up_to]));
    chat::append_output(events[up_to], more);
    const auto tokens = co_await count_(std::move(more));
    if (!tokens) co_return after;
    counted_tokens_ = *tokens;
    counted_bytes_ = bytes;
    co_return spent(bytes);
}

bool Allowance::is_roomy(std::int64_t spent) const {
    if (spent <= most_ && granted_ >= most_) return true;
    return granted_ - spent >= slab() / 2;
}

// Asks for the next slab while half of the last one is left, and for more where one event is larger
// than that.
Result<void> Allowance::extend_for(std::int64_t spent) {
    if (is_roomy(spent)) return {};
    const std::int64_t wanted = std::max(slab(), spent - granted_ + slab() / 2);
    return extend(spent <= most_ ? std::min(wanted, most_ - granted_) : wanted);
}

// What is left of a budget that has no whole slab any more.
Result<void> Allowance::extend_by_less(std::int64_t spent) {
    Result<void> extended;
    for (std::int64_t more = limits::slab_tokens / 2;; more /= 2) {
        const std::int64_t least = spent - granted_;
        extended = extend(std::max(more, least));
        if (extended || more <= least || extended.error().code() != Errc::quota_exceeded)
            return extended;
    }
}

void Allowance::note(const chat::ChatEvent& event) {
    bytes_ += static_cast<std::int64_t>(chat::output_bytes(event));
    if (const auto* const usage = std::get_if<chat::UsageReport>(&event))
        reported_ = std::max(reported_, usage->usage.output.value());
    if (const auto choice = choice_of(event)) begun_ |= bit_of(*choice);
    if (const auto* const finish = std::get_if<chat::ChoiceFinished>(&event))
        finished_ |= bit_of(finish->choice);
}

bool Allowance::pass_now(const std::vector<chat::ChatEvent>& events) {
    std::int64_t bytes = bytes_;
    for (const chat::ChatEvent& event : events)
        bytes += static_cast<std::int64_t>(chat::output_bytes(event));
    const std::int64_t after = spent(bytes);
    if (!is_roomy(after) || after > durable_) return false;
    for (const chat::ChatEvent& event : events) note(event);
    return true;
}

net::Task<Result<void>> Allowance::pass(std::vector<chat::ChatEvent>& events) {
    for (std::size_t i = 0; i < events.size(); ++i) {
        std::int64_t after =
            spent(bytes_ + static_cast<std::int64_t>(chat::output_bytes(events[i])));
        // Beyond what the client bounded it is counted first: mostly it is not beyond.
        if (count_ && after > most_ && granted_ >= most_)
            after = co_await recount(events, i, after);
        auto extended = extend_for(after);
        const bool refused = !extended && extended.error().code() == Errc::quota_exceeded;
        if (refused && granted_ < after) {
            after = co_await recount(events, i, after);
            if (granted_ < after) extended = extend_by_less(after);
        }
        if (!extended && extended.error().code() != Errc::quota_exceeded)
            co_return std::unexpected(std::move(extended).error());
        if (after > durable_) {
            // What there is on the way to the disk may be enough; a refused slab is not.
            if (granted_ < after) {
                const bool pending = begun_ == 0 && loop_.clock().steady() < pending_until_;
                if (pending) co_return std::unexpected(std::move(extended).error());
                refusal_ = std::move(extended).error();
                cut(events, i);
                co_return Result<void>();
            }
            CO_CHECK(co_await reservation_.durable(loop_));
            durable_ = granted_;
        }
        note(events[i]);
    }
    co_return Result<void>();
}

void Allowance::cut(std::vector<chat::ChatEvent>& events, std::size_t kept) {
    // The choice that was about to speak has begun, whether or not anything of it was passed.
    for (std::size_t i = kept; i < events.size(); ++i)
        if (const auto choice = choice_of(events[i])) begun_ |= bit_of(*choice);
    events.erase(events.begin() + static_cast<std::ptrdiff_t>(kept), events.end());
    if (begun_ == 0) begun_ = 1;
    for (std::uint32_t choice = 0; choice < 64; ++choice)
        if ((begun_ & ~finished_ & bit_of(choice)) != 0)
            events.emplace_back(chat::ChoiceFinished{choice, "length", {}});
    finished_ = begun_;
}

} // namespace weir::upstream
