#pragma once
// What the Responses API asks beyond one answer: talks that go on from an answer that was kept, and
// answers that can be read again.

#include "dialects/responses/encoder.h"
#include "gateway/door.h"
#include "gateway/parts.h"
#include "streams/response_store.h"

#include <string>

namespace weir::gateway {

// The body with the talk before it, and with the items that it only refers to.
// Errors: not_found for a previous_response_id that is not there, ledger_unavailable.
WEIR_OWN_FRAME net::Task<Result<std::string>> with_talk(Parts& parts, ThreadParts& mine,
                                                        const Caller& caller, std::string body);

// Keeps an answer that has ended, to be found under its name. `draft` has heard all of it: the log
// may not reach back to its beginning any more.
WEIR_OWN_FRAME net::Task<void> keep_response(Parts& parts, net::Loop& loop,
                                             const std::shared_ptr<streams::StreamLog>& log,
                                             dialects::ResponseDraft& draft,
                                             const std::string& items,
                                             const streams::Ending& ending);

// The names of the stream and of the response that it makes.
std::string stream_of(std::string_view response);

// The response object of a log as far as it is: without its beginning it says nothing yet.
std::string object_so_far(const std::shared_ptr<streams::StreamLog>& log, net::Loop& loop);

} // namespace weir::gateway
