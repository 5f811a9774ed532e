#include "upstream/codecs.h"

#include "dialects/openai/embeddings.h"

#include <string>

namespace weir::upstream {

const dialects::ProviderCodec& codec_of(config::Dialect dialect) {
    switch (dialect) {
    case config::Dialect::anthropic: return dialects::anthropic_codec();
    case config::Dialect::gemini: return dialects::gemini_codec();
    case config::Dialect::ollama: return dialects::ollama_codec();
    case config::Dialect::azure: return dialects::azure_codec();
    case config::Dialect::openai:
    case config::Dialect::demo: break;
    }
    return dialects::openai_codec();
}

const dialects::ProviderCodec* codec_for(config::Dialect dialect, chat::Task task) {
    if (task == chat::Task::chat) return &codec_of(dialect);
    if (dialect == config::Dialect::openai) return &dialects::openai_embeddings_codec();
    if (dialect == config::Dialect::azure) return &dialects::azure_embeddings_codec();
    return nullptr;
}

void write_credential(wire::HeadWriter& head, const dialects::ProviderCodec& codec,
                      std::string_view credential) {
    if (!codec.version_header.empty()) head.field(codec.version_header, codec.version);
    if (!credential.empty())
        head.field(codec.credential_header,
                   std::string(codec.credential_prefix) + std::string(credential));
}

} // namespace weir::upstream
