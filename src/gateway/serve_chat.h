#pragma once
// The road itself: one chat request from its head to its last byte, every station once and in
// order.

#include "gateway/door.h"
#include "gateway/parts.h"
#include "gateway/responder.h"

namespace weir::gateway {

// The credential of a request: "Authorization: Bearer KEY" or "x-api-key: KEY", empty where there
// is none.
std::string_view credential_of(const wire::RequestHead& head);

// Errors: invalid_api_key.
Result<Caller> identify(Parts& parts, const net::Exchange& exchange);

// Answers the exchange and fills the record.
net::Task<void> serve_chat(Parts& parts, ThreadParts& mine, net::Exchange& exchange,
                           const Door& door, record::Record& record);

} // namespace weir::gateway
