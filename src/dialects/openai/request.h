#pragma once
// A chat completion request as an OpenAI-compatible provider takes it. Everything the client sent
// goes through untouched but for what Weir decides: the model's name there, and how the answer is
// delivered.

#include "dialects/provider_codec.h"

#include <string>

namespace weir::dialects {

// As ProviderCodec::encode.
Result<void> encode_openai_request(const chat::ChatRequest& request, const Terms& terms,
                                   std::string& out, Dropped& dropped);
// About how many bytes that takes, for reserving them.
std::size_t openai_request_size(const chat::ChatRequest& request);

} // namespace weir::dialects
