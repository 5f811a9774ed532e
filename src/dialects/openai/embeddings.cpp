#include "dialects/openai/embeddings.h"

#include "base/text.h"
#include "dialects/answer_text.h"
#include "dialects/openai/answer.h"
#include "dialects/openai/request.h"
#include "json/document.h"

#include <fmt/core.h>

namespace weir::dialects {
namespace {

constexpr std::string_view member = "\"embeddings\":";

Result<std::vector<chat::ChatEvent>> decode_embeddings(std::string_view body) {
    // Vectors are long: thousands of numbers for each text.
    constexpr json::Limits limits{.depth = 8, .values = 8'000'000, .keys_per_object = 64};
    const auto document = json::Document::parse(body, limits);
    if (!document)
        return refuse(Error(Errc::upstream_malformed)
                          .because("damaged answer: " + std::string(document.error().message())));
    const json::Value root = document->root();
    const auto data = root.is(json::Kind::object) ? root.find("data") : std::nullopt;
    if (!data || !data->is(json::Kind::array)) {
        const auto error = root.is(json::Kind::object) ? root.find("error") : std::nullopt;
        const std::string_view words = error ? text_of(*error, "message") : "no list";
        return refuse(
            Error(Errc::upstream_error).because("error inside the answer: " + clip(words, 200)));
    }
    std::vector<chat::ChatEvent> out;
    chat::Started started;
    started.model = text_of(root, "model");
    out.emplace_back(std::move(started));
    const std::string list = std::string(member) + one_line(root.raw());
    out.emplace_back(chat::OtherDelta{0, chat::Extensions({}, list, {})});
    out.emplace_back(chat::ChoiceFinished{0, "stop", {}});
    const auto usage = root.find("usage");
    if (const auto tokens = usage ? count_of(*usage, "prompt_tokens") : std::nullopt) {
        chat::UsageReport report;
        report.usage.input = Tokens(*tokens);
        report.raw = one_line(usage->raw());
        out.emplace_back(std::move(report));
    }
    return out;
}

ProviderCodec embeddings_of(ProviderCodec codec) {
    codec.whole = decode_embeddings;
    return codec;
}

class EmbeddingsWhole final : public WholeEncoder {
public:
    void event(const chat::ChatEvent& event) override {
        const auto* const other = std::get_if<chat::OtherDelta>(&event);
        if (other == nullptr) return;
        const std::string_view said = other->extensions.choice(chat::Native::openai);
        if (said.starts_with(member)) list_ = said.substr(member.size());
    }
    std::string close(const Closing&, const std::function<std::string()>&) override {
        return std::move(list_);
    }

private:
    std::string list_;
};

} // namespace

const ProviderCodec& openai_embeddings_codec() {
    static const ProviderCodec codec = [] {
        ProviderCodec out = embeddings_of(openai_codec());
        out.path = [](const Terms&) { return std::string("/embeddings"); };
        return out;
    }();
    return codec;
}

const ProviderCodec& azure_embeddings_codec() {
    static const ProviderCodec codec = [] {
        ProviderCodec out = embeddings_of(azure_codec());
        out.path = [](const Terms& terms) {
            return fmt::format("/openai/deployments/{}/embeddings?api-version={}",
                               percent_encode(terms.model), terms.api_version);
        };
        return out;
    }();
    return codec;
}

std::unique_ptr<WholeEncoder> embeddings_whole_encoder() {
    return std::make_unique<EmbeddingsWhole>();
}

} // namespace weir::dialects
