#pragma once
// Embeddings in OpenAI's form, which is the only one there is a door for. They travel the same road
// as a chat answer: the list rides along as what the provider said beside what Weir knows.

#include "dialects/answer_encoder.h"
#include "dialects/provider_codec.h"

namespace weir::dialects {

// Providers of the dialects openai and azure.
const ProviderCodec& openai_embeddings_codec();
const ProviderCodec& azure_embeddings_codec();

std::unique_ptr<WholeEncoder> embeddings_whole_encoder();

} // namespace weir::dialects
