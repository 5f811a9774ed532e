#pragma once
// How well the providers are, for whoever may use them: GET /api/v1/stability and /api/v1/status.

#include "endpoints/context.h"
#include "upstream/routes.h"

#include <string>

namespace weir::endpoints {

net::Task<void> stability(Context& context);
net::Task<void> service_status(Context& context);

// How a target stands now.
struct Standing {
    std::string_view breaker; // closed, open, half open, ramping
    bool available = false;
    std::int64_t score = 0; // 0 to 100
    std::int64_t in_flight = 0;
    std::int64_t first_event_ms = 0;
    std::string why_not; // not available, or not wholly
};
Standing standing_of(upstream::Upstream& upstream, const upstream::Candidate& candidate);

} // namespace weir::endpoints
