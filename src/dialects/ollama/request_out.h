#pragma once
// A chat request as Ollama's own /api/chat takes it.

#include "dialects/provider_codec.h"

namespace weir::dialects {

// As ProviderCodec::encode.
Result<void> encode_ollama_request(const chat::ChatRequest& request, const Terms& terms,
                                   std::string& out, Dropped& dropped);

} // namespace weir::dialects
