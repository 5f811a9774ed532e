#pragma once
// A chat completion request as an OpenAI-compatible provider takes it. Everything the client sent
// goes through untouched but for what Weir decides: the model's name there, and how the answer is
// delivered.

#include "chat/chat_request.h"

#include <string>

namespace weir::dialects {

struct OpenAiTerms {
    std::string model; // the provider's name of it
    chat::Delivery delivery = chat::Delivery::streamed;
    chat::UsageWish usage = chat::UsageWish::include; // asked for in a stream
};

// Appended to `out`.
void encode_openai_request(const chat::ChatRequest& request, const OpenAiTerms& terms,
                           std::string& out);
// About how many bytes that takes, for reserving them.
std::size_t openai_request_size(const chat::ChatRequest& request);

} // namespace weir::dialects
