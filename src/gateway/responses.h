#pragma once
// What the Responses API asks beyond one answer: talks that go on from an answer that was kept, and
// answers that can be read again.

#include "gateway/door.h"
#include "gateway/parts.h"
#include "streams/response_store.h"

#include <string>

namespace weir::gateway {

// The body with the talk before it, and with the items that it only refers to.
// Errors: not_found for a previous_response_id that is not there, ledger_unavailable.
WEIR_OWN_FRAME net::Task<Result<std::string>> with_talk(Parts& parts, ThreadParts& mine,
                                                        const Caller& caller, std::string body);

// Keeps what an ended log says, to be found under its answer's name.
WEIR_OWN_FRAME net::Task<void> keep_response(Parts& parts, net::Loop& loop,
                                             const std::shared_ptr<streams::StreamLog>& log,
                                             const std::string& items,
                                             const streams::Ending& ending);

// The names of the stream and of the response that it makes.
std::string stream_of(std::string_view response);

// The response object of a log as far as it is.
std::string object_so_far(const std::shared_ptr<streams::StreamLog>& log, net::Loop& loop);

} // namespace weir::gateway
