#pragma once
// The words for a budget that has no room: whose it is, what it counts, when it resets, and what
// would fit.

#include "base/error.h"
#include "quota/account.h"
#include "quota/reservation.h"

namespace weir::quota {

Error refusal(const Account& account, const Window& window, const Bound& bound, std::int64_t needed,
              WallTime now);

} // namespace weir::quota
