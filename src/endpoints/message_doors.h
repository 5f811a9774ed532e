#pragma once
// The doors of Anthropic's clients: POST /v1/messages and /v1/messages/count_tokens.

#include "endpoints/context.h"

namespace weir::endpoints {

net::Task<void> messages(Context& context);
net::Task<void> count_tokens(Context& context);

} // namespace weir::endpoints
