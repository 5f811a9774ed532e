#pragma once
// One call of a provider for all who ask the same at the same time, where the model's cache rule
// allows it. Each is charged a request of its own; the tokens are paid by whoever asked first.
// Thread: the loop's.

#include "gateway/parts.h"
#include "net/http/exchange.h"
#include "wire/request_head.h"

#include <memory>
#include <optional>

namespace weir::gateway {

// What a request may be shared under: the same for all of a team, or without one of a user, who ask
// the same of the same configuration. nullopt where it may not.
std::optional<Digest> flight_of(const wire::RequestHead& head, const Caller& caller,
                                const chat::ChatRequest& request, const upstream::Route& route);

// A caller who shares somebody else's answer.
struct Passenger {
    std::shared_ptr<streams::StreamLog> log;
    std::unique_ptr<streams::SingleFlight::Seat> seat;
    quota::Reservation reservation; // one request
};
// nullopt where there is nothing to share. Errors: quota_exceeded, ledger_unavailable.
WEIR_OWN_FRAME net::Task<Result<std::optional<Passenger>>> board(Parts& parts, ThreadParts& mine,
                                                                 const Digest& flight,
                                                                 const Caller& caller,
                                                                 const upstream::Route& route);
// Charges the passenger's request once there is something to read, or gives it back where there
// never is.
WEIR_OWN_FRAME net::Task<void> pay_fare(Parts& parts, net::Exchange& exchange, Passenger& passenger,
                                        chat::Delivery delivery);

} // namespace weir::gateway
