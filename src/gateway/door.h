#pragma once
// What differs between the chat doors: how the question is read and how the answer is written.

#include "chat/chat_request.h"
#include "dialects/answer_encoder.h"
#include "dialects/error_shape.h"

#include <memory>
#include <string>

namespace weir::gateway {

struct Door {
    std::string_view name; // as in ?format= of /v1/streams
    dialects::Shape shape;
    Result<chat::ChatRequest> (*parse)(std::string_view body);
    std::unique_ptr<dialects::StreamEncoder> (*stream)(chat::UsageWish usage, std::string id);
    std::unique_ptr<dialects::WholeEncoder> (*whole)(std::string id);
};

const Door& openai_chat_door(); // POST /v1/chat/completions
const Door& messages_door();    // POST /v1/messages
const Door& plain_chat_door();  // POST /api/v1/chat
// Null where no door has that name.
const Door* find_door(std::string_view name);

} // namespace weir::gateway
