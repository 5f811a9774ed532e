#pragma once
// The words for a budget that has no room: whose it is, what it counts, when it resets, and what
// would fit.

#include "base/error.h"
#include "quota/account.h"
#include "quota/reservation.h"

namespace weir::quota {

Error refusal(const Account& account, const Window& window, const Bound& bound, std::int64_t needed,
              WallTime now);

// For the operator: whose budget has reached how much of itself. `subject` is a name, empty for
// everyone.
std::string reached_text(const Account& account, const Window& window, std::int64_t percent,
                         std::string_view subject);

} // namespace weir::quota
