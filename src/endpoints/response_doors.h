#pragma once
// The doors of the Responses API: POST /v1/responses, and GET, DELETE and POST …/cancel of one.

#include "endpoints/context.h"

namespace weir::endpoints {

net::Task<void> create_response(Context& context);
net::Task<void> get_response(Context& context);
net::Task<void> delete_response(Context& context);
net::Task<void> cancel_response(Context& context);

} // namespace weir::endpoints
