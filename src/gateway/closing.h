#pragma once
// How an answer ended, as the encoders tell it.

#include "dialects/answer_encoder.h"
#include "streams/stream_log.h"

#include <memory>

namespace weir::gateway {

// `source` is null where nobody answered.
dialects::Closing closing_of(const streams::Ending& ending,
                             const std::shared_ptr<const streams::Source>& source);

} // namespace weir::gateway
