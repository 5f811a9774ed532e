#pragma once
// The demo provider: an answer made here, spoken at the pace of a person reading along.

#include "upstream/answer.h"
#include "upstream/provider_attempt.h"

namespace weir::upstream {

net::Task<Result<std::unique_ptr<Answer>>> attempt_demo(const AttemptInput& input);

} // namespace weir::upstream
