#pragma once
// What differs between the chat doors: how the question is read and how the answer is written.

#include "chat/chat_request.h"
#include "dialects/answer_encoder.h"
#include "dialects/error_shape.h"

#include <memory>
#include <string>

namespace weir::gateway {

struct Door {
    dialects::Shape shape;
    Result<chat::ChatRequest> (*parse)(std::string_view body);
    std::unique_ptr<dialects::StreamEncoder> (*stream)(const chat::ChatRequest& request,
                                                       std::string id);
    std::unique_ptr<dialects::WholeEncoder> (*whole)(const chat::ChatRequest& request,
                                                     std::string id);
};

const Door& openai_chat_door(); // POST /v1/chat/completions
const Door& plain_chat_door();  // POST /api/v1/chat

} // namespace weir::gateway
