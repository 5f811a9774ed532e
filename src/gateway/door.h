#pragma once
// What differs between the chat doors: how the question is read and how the answer is written.

#include "chat/chat_request.h"
#include "dialects/answer_encoder.h"
#include "dialects/error_shape.h"
#include "streams/stream_log.h"

#include <memory>
#include <string>

namespace weir::gateway {

struct Door {
    std::string_view name; // as in ?format= of /v1/streams
    dialects::Shape shape;
    Result<chat::ChatRequest> (*parse)(std::string_view body);
    std::unique_ptr<dialects::StreamEncoder> (*stream)(const streams::Begun& begun);
    std::unique_ptr<dialects::WholeEncoder> (*whole)(const streams::Begun& begun);
    std::string_view answer_prefix; // of the name of an answer
    // Whether its answers are kept, to be read again and gone on from.
    enum class Memory : std::uint8_t { none, responses } memory = Memory::none;
};

const Door& openai_chat_door(); // POST /v1/chat/completions
const Door& messages_door();    // POST /v1/messages
const Door& responses_door();   // POST /v1/responses
const Door& embeddings_door();  // POST /v1/embeddings
const Door& plain_chat_door();  // POST /api/v1/chat
// Null where no door has that name.
const Door* find_door(std::string_view name);

} // namespace weir::gateway
