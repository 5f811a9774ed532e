#include "dialects/provider_codec.h"

#include "base/text.h"
#include "dialects/answer_text.h"
#include "dialects/anthropic/answer.h"
#include "dialects/anthropic/request_out.h"
#include "dialects/gemini/answer.h"
#include "dialects/gemini/request_out.h"
#include "dialects/ollama/answer.h"
#include "dialects/ollama/request_out.h"
#include "dialects/openai/answer.h"
#include "dialects/openai/request.h"

#include <fmt/core.h>

namespace weir::dialects {
namespace {

constexpr std::size_t listed_max = 2'000; // models of one provider
constexpr std::size_t name_bytes_max = 256;
constexpr std::string_view events = "text/event-stream";

template <class Decoder>
std::unique_ptr<StreamDecoder> make(std::size_t event_bytes_max) {
    return std::make_unique<Decoder>(event_bytes_max);
}

// The names under `key` of each object in the list under `list`.
std::vector<std::string> names_in(std::string_view body, std::string_view list,
                                  std::string_view key, std::string_view prefix) {
    std::vector<std::string> out;
    const auto document = json::Document::parse(body);
    const auto items = document && document->root().is(json::Kind::object)
                           ? document->root().find(list)
                           : std::nullopt;
    if (!items || !items->is(json::Kind::array)) return out;
    for (const json::Value item : *items) {
        std::string_view name = text_of(item, key);
        if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
        if (!name.empty() && name.size() <= name_bytes_max && out.size() < listed_max)
            out.emplace_back(name);
    }
    return out;
}

std::vector<std::string> listed_ids(std::string_view body) {
    return names_in(body, "data", "id", "");
}

} // namespace

const ProviderCodec& openai_codec() {
    static constexpr ProviderCodec codec{
        .path = [](const Terms&) { return std::string("/chat/completions"); },
        .credential_header = "authorization",
        .credential_prefix = "Bearer ",
        .version_header = {},
        .version = {},
        .encode = encode_openai_request,
        .stream_type = events,
        .stream = make<OpenAiStreamDecoder>,
        .whole = decode_openai_answer,
        .models_path = "/models",
        .models = listed_ids,
    };
    return codec;
}

const ProviderCodec& azure_codec() {
    static constexpr ProviderCodec codec{
        // The base URL names the resource; the deployment decides, and stands in the path.
        .path =
            [](const Terms& terms) {
                return fmt::format("/openai/deployments/{}/chat/completions?api-version={}",
                                   percent_encode(terms.model), terms.api_version);
            },
        .credential_header = "api-key",
        .credential_prefix = {},
        .version_header = {},
        .version = {},
        .encode = encode_openai_request,
        .stream_type = events,
        .stream = make<OpenAiStreamDecoder>,
        .whole = decode_openai_answer,
        .models_path = {},
        .models = listed_ids,
    };
    return codec;
}

const ProviderCodec& anthropic_codec() {
    static constexpr ProviderCodec codec{
        .path = [](const Terms&) { return std::string("/messages"); },
        .credential_header = "x-api-key",
        .credential_prefix = {},
        .version_header = "anthropic-version",
        .version = "2023-06-01",
        .encode = encode_anthropic_request,
        .stream_type = events,
        .stream = make<AnthropicStreamDecoder>,
        .whole = decode_anthropic_answer,
        .models_path = "/models?limit=1000",
        .models = listed_ids,
    };
    return codec;
}

const ProviderCodec& gemini_codec() {
    static constexpr ProviderCodec codec{
        .path = gemini_path,
        .credential_header = "x-goog-api-key",
        .credential_prefix = {},
        .version_header = {},
        .version = {},
        .encode = encode_gemini_request,
        .stream_type = events,
        .stream = make<GeminiStreamDecoder>,
        .whole = decode_gemini_answer,
        .models_path = "/models?pageSize=1000",
        .models = [](std::string_view body) { return names_in(body, "models", "name", "models/"); },
    };
    return codec;
}

const ProviderCodec& ollama_codec() {
    static constexpr ProviderCodec codec{
        .path = [](const Terms&) { return std::string("/api/chat"); },
        .credential_header = "authorization",
        .credential_prefix = "Bearer ",
        .version_header = {},
        .version = {},
        .encode = encode_ollama_request,
        .stream_type = "application/x-ndjson",
        .stream = make<OllamaStreamDecoder>,
        .whole = decode_ollama_answer,
        .models_path = "/api/tags",
        .models = [](std::string_view body) { return names_in(body, "models", "name", ""); },
    };
    return codec;
}

} // namespace weir::dialects
