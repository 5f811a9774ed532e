#pragma once
// /v1/streams/{id}: joining an answer in progress or one that has just ended, and stopping one.
// Thread: the connection's loop.

#include "endpoints/context.h"

namespace weir::endpoints {

net::Task<void> join_stream(Context& context);
net::Task<void> stop_stream(Context& context);

} // namespace weir::endpoints
