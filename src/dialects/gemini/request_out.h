#pragma once
// A chat request as Gemini's generateContent takes it.

#include "dialects/provider_codec.h"

namespace weir::dialects {

// As ProviderCodec::encode.
Result<void> encode_gemini_request(const chat::ChatRequest& request, const Terms& terms,
                                   std::string& out, Dropped& dropped);

// ":streamGenerateContent?alt=sse" or ":generateContent" of the model.
std::string gemini_path(const Terms& terms);

} // namespace weir::dialects
