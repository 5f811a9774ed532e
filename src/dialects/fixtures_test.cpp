// The decoders over recorded-looking answers of every dialect (fixtures/README.md), cut at every
// place: whatever the pieces, the same is said.

#include "dialects/answer_encoder.h"
#include "dialects/provider_codec.h"
#include "json/document.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <sstream>

namespace weir::dialects {
namespace {

using json::Kind;
using json::Value;

std::string read_file(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::stringstream out;
    out << in.rdbuf();
    return out.str();
}

struct Call {
    std::string id;
    std::string name;
    std::string arguments;
};

// What an answer came to, of its first choice.
struct Said {
    std::string text;
    std::string reasoning;
    std::string refusal;
    std::map<std::uint32_t, Call> calls;
    std::string finish;
    std::optional<chat::Usage> usage;
    std::string error;
    std::string id;

    void take(const chat::ChatEvent& event) {
        if (const auto* const e = std::get_if<chat::Started>(&event)) id = e->id;
        if (const auto* const e = std::get_if<chat::TextDelta>(&event); e && e->choice == 0)
            text += e->text;
        if (const auto* const e = std::get_if<chat::ReasoningDelta>(&event); e && e->choice == 0)
            reasoning += e->text;
        if (const auto* const e = std::get_if<chat::RefusalDelta>(&event); e && e->choice == 0)
            refusal += e->text;
        if (const auto* const e = std::get_if<chat::ToolCallDelta>(&event); e && e->choice == 0) {
            Call& call = calls[e->call];
            call.id += e->id();
            call.name += e->name();
            call.arguments += e->arguments;
        }
        if (const auto* const e = std::get_if<chat::ChoiceFinished>(&event); e && e->choice == 0)
            finish = e->reason;
        if (const auto* const e = std::get_if<chat::UsageReport>(&event)) usage = e->usage;
    }
    std::string flat() const {
        std::string out = text + "|" + reasoning + "|" + refusal + "|" + finish + "|" + error;
        for (const auto& [number, call] : calls)
            out += "|" + call.id + " " + call.name + " " + call.arguments;
        return out;
    }
};

Said stream(const ProviderCodec& codec, std::string_view body, std::size_t cut) {
    Said out;
    std::vector<chat::ChatEvent> events;
    const auto decoder = codec.stream(1 << 20);
    auto fed = decoder->feed(body.substr(0, cut), events);
    if (fed && !decoder->done()) fed = decoder->feed(body.substr(cut), events);
    if (fed && !decoder->done()) fed = decoder->end(events);
    for (const chat::ChatEvent& event : events) out.take(event);
    if (!fed && !decoder->finished()) out.error = fed.error().detail();
    return out;
}

Said drip(const ProviderCodec& codec, std::string_view body) {
    Said out;
    std::vector<chat::ChatEvent> events;
    const auto decoder = codec.stream(1 << 20);
    Result<void> fed;
    for (; fed && !decoder->done() && !body.empty(); body.remove_prefix(1))
        fed = decoder->feed(body.substr(0, 1), events);
    if (fed && !decoder->done()) fed = decoder->end(events);
    for (const chat::ChatEvent& event : events) out.take(event);
    if (!fed && !decoder->finished()) out.error = fed.error().detail();
    return out;
}

Said whole(const ProviderCodec& codec, std::string_view body) {
    Said out;
    const auto events = codec.whole(body);
    if (!events) out.error = events.error().detail();
    else
        for (const chat::ChatEvent& event : *events) out.take(event);
    return out;
}

std::string text_at(const Value& object, std::string_view key) {
    const auto value = object.find(key);
    return value && value->is(Kind::string) ? std::string(value->text()) : std::string();
}

std::int64_t number_at(const Value& object, std::string_view key) {
    const auto value = object.find(key);
    return value && value->is(Kind::integer) ? value->integer() : -1;
}

std::string compact(std::string_view text) {
    std::string out;
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '"' && (i == 0 || text[i - 1] != '\\')) quoted = !quoted;
        if (quoted || (text[i] != ' ' && text[i] != '\n')) out.push_back(text[i]);
    }
    return out;
}

void compare(const Said& said, const Value& expected) {
    EXPECT_EQ(said.text, text_at(expected, "text"));
    EXPECT_EQ(said.reasoning, text_at(expected, "reasoning"));
    EXPECT_EQ(said.refusal, text_at(expected, "refusal"));
    EXPECT_EQ(said.finish, text_at(expected, "finish"));
    const std::string error = text_at(expected, "error");
    EXPECT_EQ(said.error.empty(), error.empty()) << said.error;
    if (!error.empty()) EXPECT_TRUE(said.error.contains(error.substr(0, 60))) << said.error;
    const auto calls = expected.find("tool_calls");
    ASSERT_TRUE(calls);
    EXPECT_EQ(said.calls.size(), calls->size());
    auto given = said.calls.begin();
    for (const Value call : *calls) {
        if (given == said.calls.end()) break;
        if (const auto id = call.find("id"); id && id->is(Kind::string))
            EXPECT_EQ(given->second.id, id->text());
        EXPECT_FALSE(given->second.id.empty());
        EXPECT_EQ(given->second.name, text_at(call, "name"));
        EXPECT_EQ(compact(given->second.arguments), compact(text_at(call, "arguments")));
        ++given;
    }
    const auto usage = expected.find("usage");
    if (!usage || !usage->is(Kind::object)) return;
    ASSERT_TRUE(said.usage);
    EXPECT_EQ(said.usage->input.value(), number_at(*usage, "input"));
    EXPECT_EQ(said.usage->output.value(), number_at(*usage, "output"));
    EXPECT_EQ(said.usage->cached_input.value(), number_at(*usage, "cached_input"));
    EXPECT_EQ(said.usage->reasoning.value(), number_at(*usage, "reasoning"));
}

const ProviderCodec* codec_named(const std::string& folder) {
    if (folder == "openai") return &openai_codec();
    if (folder == "azure") return &azure_codec();
    if (folder == "anthropic") return &anthropic_codec();
    if (folder == "gemini") return &gemini_codec();
    if (folder == "ollama") return &ollama_codec();
    return nullptr; // what no provider is spoken with
}

TEST(Fixtures, every_answer_says_what_it_should_wherever_it_is_cut) {
    std::size_t seen = 0;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(WEIR_DIALECTS "/fixtures")) {
        const std::filesystem::path path = entry.path();
        const std::string name = path.filename().string();
        const ProviderCodec* const codec = codec_named(path.parent_path().filename().string());
        if (codec == nullptr || !entry.is_regular_file() || name.ends_with(".expect.json") ||
            !name.contains('.'))
            continue;
        const std::string stem = name.substr(0, name.find('.'));
        const std::string wanted = read_file(path.parent_path() / (stem + ".expect.json"));
        const auto document = json::Document::parse(wanted);
        ASSERT_TRUE(document) << path;
        const std::string kind = text_at(document->root(), "kind");
        if (!kind.empty() && kind != "chat") continue;
        SCOPED_TRACE(path.string());
        const std::string body = read_file(path);
        const bool streams = path.extension() != ".json" || stem == "stream_as_array";
        ++seen;
        if (path.extension() == ".json") {
            compare(whole(*codec, body), document->root());
            continue;
        }
        EXPECT_TRUE(streams);
        const Said said = stream(*codec, body, body.size());
        compare(said, document->root());
        // In two pieces at places all over it, and byte by byte.
        for (std::size_t cut = 0; cut < body.size(); cut += 11)
            ASSERT_EQ(stream(*codec, body, cut).flat(), said.flat()) << "cut at " << cut;
        ASSERT_EQ(drip(*codec, body).flat(), said.flat());
    }
    EXPECT_GE(seen, 130u);
}

} // namespace
} // namespace weir::dialects
