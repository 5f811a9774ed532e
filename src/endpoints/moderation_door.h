#pragma once
// POST /v1/moderations, as OpenAI's clients ask it, answered from the content rules: a category is
// one of theirs, and its score is 1 or 0.

#include "endpoints/context.h"

namespace weir::endpoints {

net::Task<void> moderations(Context& context);

} // namespace weir::endpoints
