#include "gateway/sharing.h"

#include "base/limits.h"
#include "base/text.h"

#include <fmt/core.h>

namespace weir::gateway {

std::optional<Digest> flight_of(const wire::RequestHead& head, const Caller& caller,
                                const chat::ChatRequest& request, const upstream::Route& route) {
    using When = config::Cache::When;
    if (route.cache.when == When::off) return std::nullopt;
    if (route.cache.when == When::deterministic && !request.is_deterministic()) return std::nullopt;
    if (const auto control = head.find("cache-control"))
        if (control->find("no-cache") != std::string_view::npos ||
            control->find("no-store") != std::string_view::npos)
            return std::nullopt;
    const std::string tenant = caller.team ? fmt::format("team {}", caller.team->value())
                                           : fmt::format("user {}", caller.user.value());
    // A changed configuration may send the same request elsewhere.
    const auto configuration = reinterpret_cast<std::uintptr_t>(route.routes.get());
    return keyed_digest(
        "", fmt::format("{}\n{}\n{}\n{}", tenant, configuration, route.name, request.canonical()));
}

net::Task<Result<std::optional<Passenger>>> board(Parts& parts, ThreadParts& mine,
                                                  const Digest& flight, const Caller& caller,
                                                  const upstream::Route& route) {
    auto log = parts.flights.find(flight);
    if (!log) co_return std::nullopt;
    // The seat comes first: from then on the answer is made for this caller too.
    auto seat = std::make_unique<streams::SingleFlight::Seat>(log, mine.loop);
    if (!seat->is_good()) co_return std::nullopt;
    CO_TRY(quota::Reservation reservation, parts.ledger.reserve(caller, {}, route.name));
    CO_CHECK(co_await reservation.durable(mine.loop));
    reservation.mark_sent({});
    co_return Passenger{std::move(log), std::move(seat), std::move(reservation)};
}

net::Task<void> pay_fare(Parts& parts, net::Exchange& exchange, Passenger& passenger,
                         chat::Delivery delivery) {
    net::Signal& wake = passenger.seat->wake();
    net::Wheel::Timer timer(
        exchange.loop().wheel(), [](void* signal) { static_cast<net::Signal*>(signal)->notify(); },
        &wake);
    // A stream is opened after that time, whatever comes.
    const bool streamed = delivery == chat::Delivery::streamed;
    const SteadyTime until = parts.clock.steady() + limits::open_time;
    if (streamed) timer.arm(limits::open_time);
    exchange.watch(wake);
    streams::StreamLog::Reader& reader = passenger.seat->reader();
    const auto undecided = [&] {
        return passenger.log->newest() == 0 && reader.look() == nullptr &&
               !exchange.client_left() && !(streamed && parts.clock.steady() >= until);
    };
    while (undecided()) co_await wake.wait();
    exchange.unwatch();
    const streams::Ending* const ending = reader.look();
    const bool failed = passenger.log->newest() == 0 && ending != nullptr && ending->error;
    if (failed) std::move(passenger.reservation).release();
    else std::move(passenger.reservation).settle({});
}

} // namespace weir::gateway
