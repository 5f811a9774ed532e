#include "dialects/translation.h"

#include "json/writer.h"

#include <algorithm>
#include <array>
#include <fmt/core.h>

namespace weir::dialects {
namespace {

using json::Kind;
using json::Value;

// How an answer is delivered and kept is Weir's matter; the rest means nothing to another provider.
constexpr std::array<std::string_view, 10> without_effect{"model",
                                                          "stream",
                                                          "stream_options",
                                                          "n",
                                                          "store",
                                                          "metadata",
                                                          "service_tier",
                                                          "safety_identifier",
                                                          "prompt_cache_key",
                                                          "prompt_cache_retention"};

json::Document document_of(const chat::ChatRequest& request) {
    std::string text;
    json::Writer writer(text);
    writer.begin_object();
    for (const chat::Member& member : request.members()) writer.key(member.key).raw(member.raw);
    writer.end_object();
    auto document = json::Document::parse(text);
    // It was read before, so it can be read again.
    return document ? *std::move(document) : *json::Document::parse("{}");
}

} // namespace

ChatFields::ChatFields(const chat::ChatRequest& request) : document_(document_of(request)) {}

std::optional<Value> ChatFields::find(std::string_view key) const {
    auto value = document_.root().find(key);
    return value && !value->is_null() ? value : std::nullopt;
}

std::optional<Value> ChatFields::find(std::string_view key, Kind kind) const {
    auto value = find(key);
    return value && value->is(kind) ? value : std::nullopt;
}

void ChatFields::name_dropped(std::initializer_list<std::string_view> said,
                              Dropped& dropped) const {
    for (const Value member : document_.root()) {
        const std::string_view key = member.key();
        const bool off = member.is_null() || (member.is(Kind::boolean) && !member.boolean());
        if (off || std::ranges::find(said, key) != said.end() ||
            std::ranges::find(without_effect, key) != without_effect.end())
            continue;
        dropped.emplace_back(key);
    }
}

std::optional<DataUrl> parse_data_url(std::string_view url) {
    constexpr std::string_view scheme = "data:";
    constexpr std::string_view coding = ";base64";
    const std::size_t comma = url.find(',');
    if (!url.starts_with(scheme) || comma == std::string_view::npos) return std::nullopt;
    std::string_view type = url.substr(scheme.size(), comma - scheme.size());
    if (!type.ends_with(coding)) return std::nullopt;
    type.remove_suffix(coding.size());
    return DataUrl{type.substr(0, type.find(';')), url.substr(comma + 1)};
}

std::string plain_text(const Value& content) {
    if (content.is(Kind::string)) return std::string(content.text());
    std::string out;
    if (!content.is(Kind::array)) return out;
    for (const Value part : content) {
        const std::string_view type = text_of(part, "type");
        const std::string_view text = text_of(part, type == "refusal" ? "refusal" : "text");
        if (!out.empty() && !text.empty()) out += '\n';
        out += text;
    }
    return out;
}

std::unexpected<Error> cannot_say(const Value& value, std::string_view what) {
    return refuse(Error(Errc::invalid_value,
                        fmt::format("Invalid '{}': the provider of this model takes no {}.",
                                    value.path(), what))
                      .at(value.path()));
}

Result<std::string> arguments_object(const Value& arguments) {
    if (!arguments.is(Kind::string) || arguments.text().empty()) return "{}";
    const auto document = json::Document::parse(arguments.text());
    if (document && document->root().is(Kind::object)) return std::string(document->root().raw());
    return refuse(Error(Errc::invalid_value,
                        fmt::format("Invalid '{}': expected a JSON object.", arguments.path()))
                      .at(arguments.path()));
}

std::map<std::string, std::string, std::less<>> call_names(const Value& messages) {
    std::map<std::string, std::string, std::less<>> out;
    for (const Value message : messages) {
        const auto calls = message.find("tool_calls");
        if (!calls || !calls->is(Kind::array)) continue;
        for (const Value call : *calls)
            if (const auto function = call.find("function"))
                out.insert_or_assign(std::string(text_of(call, "id")),
                                     std::string(text_of(*function, "name")));
    }
    return out;
}

} // namespace weir::dialects
