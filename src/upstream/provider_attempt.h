#pragma once
// One request to one target with one key, in the provider's dialect.

#include "base/deadline.h"
#include "chat/chat_request.h"
#include "dialects/failure/provider_failure.h"
#include "net/http/http_client.h"
#include "quota/reservation.h"
#include "upstream/allowance.h"
#include "upstream/answer.h"
#include "upstream/headroom.h"
#include "upstream/keys/key_pool.h"
#include "upstream/routes.h"

#include <expected>

namespace weir::upstream {

struct AttemptFailure {
    Error error;
    dialects::FailureClass kind = dialects::FailureClass::transient;
    std::optional<std::chrono::milliseconds> retry_after;
};

struct AttemptInput {
    net::HttpClient& client;
    Headroom& headroom; // is told what the provider says
    net::Loop& loop;
    net::Interrupt& interrupt;
    quota::Reservation& reservation;
    Allowance& allowance;
    const chat::ChatRequest& request;
    const net::Url* url; // null for the demo
    const Candidate& candidate;
    const KeyPool::Choice& key;
    chat::Delivery delivery;        // how the provider is asked, whatever the client wished
    Deadline deadline;              // of the whole answer
    std::int64_t max_output_tokens; // where the client named no bound
};

// Returns when the first meaningful event is there; what came before is in the answer too. A
// provider that says that it cannot stream is asked once more for the whole.
// The request is not sent before the reservation is durable; connecting overlaps with that.
net::Task<std::expected<std::unique_ptr<Answer>, AttemptFailure>>
attempt_provider(const AttemptInput& input);

} // namespace weir::upstream
