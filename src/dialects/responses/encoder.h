#pragma once
// An answer as OpenAI's Responses API tells it: the events of a stream, or the response object.
// Everything in it follows from the answer's events and its name, so that the same stream can be
// told again from any event on.

#include "dialects/answer_encoder.h"

#include <optional>

namespace weir::dialects {

struct ResponseNames {
    std::string id;   // "resp_…"
    std::string echo; // what of the request the object repeats: members of a JSON object, in braces
};

// Frames up to the one of that sequence number are left out.
std::unique_ptr<StreamEncoder> responses_stream_encoder(ResponseNames names,
                                                        std::optional<std::int64_t> after);

// The object of an answer that is still being made, as far as it is, or that has failed.
enum class ResponseState : std::uint8_t { queued, in_progress, cancelled, failed };
class ResponseDraft : public WholeEncoder {
public:
    virtual std::string so_far(ResponseState state, const Error* error) const = 0;
};
std::unique_ptr<ResponseDraft> responses_whole_encoder(ResponseNames names);
// The same, of an answer that has said so much.
std::string response_object(ResponseNames names, const std::vector<chat::ChatEvent>& so_far,
                            ResponseState state, const Error* error);

// The items of a response object's output, as JSON without brackets.
std::string output_items(std::string_view response);

} // namespace weir::dialects
