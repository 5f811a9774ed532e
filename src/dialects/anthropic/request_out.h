#pragma once
// A chat request as Anthropic's Messages API takes it (version 2023-06-01). One that came in that
// form goes through as it was sent, but for the model's name and the delivery.

#include "dialects/provider_codec.h"

namespace weir::dialects {

// As ProviderCodec::encode.
Result<void> encode_anthropic_request(const chat::ChatRequest& request, const Terms& terms,
                                      std::string& out, Dropped& dropped);

// The identifier of a tool call in the letters that Anthropic takes; the same for the same one.
std::string anthropic_call_id(std::string_view id);

} // namespace weir::dialects
