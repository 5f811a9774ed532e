#pragma once
// An answer put away under its Idempotency-Key, and made into a log again.
// Thread: the loop's.

#include "gateway/parts.h"
#include "streams/idempotency.h"
#include "wire/request_head.h"

#include <memory>

namespace weir::gateway {

// Everything that `log` holds, with how it ended.
streams::StoredAnswer put_away(const std::shared_ptr<streams::StreamLog>& log, net::Loop& loop,
                               const streams::Ending& ending);

// An ended log that says it again.
std::shared_ptr<streams::StreamLog> revive(Parts& parts, net::Loop& loop,
                                           streams::StoredAnswer stored);

// The request's Idempotency-Key, if it has one. Errors: invalid_value.
Result<std::optional<streams::IdempotencyKey>> idempotency_key_of(const wire::RequestHead& head,
                                                                  const Caller& caller,
                                                                  std::string_view door,
                                                                  const chat::ChatRequest& request);

} // namespace weir::gateway
