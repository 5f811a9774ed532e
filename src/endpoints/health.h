#pragma once
// Is the process alive, is it ready, how is it?

#include "endpoints/context.h"

namespace weir::endpoints {

net::Task<void> livez(Context& context);  // 200 while the process runs
net::Task<void> readyz(Context& context); // 200 when requests are taken, else 503 with why
net::Task<void> health(Context& context); // the same; with details for whoever may see them

} // namespace weir::endpoints
