#pragma once
// /api/v1/admin/… over HTTP and the control socket.

#include "endpoints/admin/admin.h"
#include "endpoints/context.h"

namespace weir::endpoints {

net::Task<void> admin_door(Context& context);

} // namespace weir::endpoints
