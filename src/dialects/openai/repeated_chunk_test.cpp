#include "dialects/openai/repeated_chunk.h"

#include "dialects/openai/answer.h"

#include <gtest/gtest.h>
#include <random>

namespace weir::dialects {
namespace {

// What a stream says that consists of these chunks, in full: also how the last one failed.
std::string said(const std::vector<std::string>& chunks) {
    OpenAiStreamDecoder codec;
    std::vector<chat::ChatEvent> events;
    Result<void> last;
    for (const std::string& chunk : chunks) {
        events.clear();
        last = codec.decode({"", chunk, ""}, events);
    }
    std::string out = last ? "" : std::string(last.error().detail());
    for (const chat::ChatEvent& event : events) {
        out += std::to_string(event.index());
        if (const auto* const text = std::get_if<chat::TextDelta>(&event))
            out += "|" + std::to_string(text->choice) + "|" + text->text + "|" +
                   std::string(text->extensions.chunk(chat::Native::openai)) + "|" +
                   std::string(text->extensions.choice(chat::Native::openai)) + "|" +
                   std::string(text->extensions.delta(chat::Native::openai));
    }
    return out + (codec.finished() ? " finished" : "");
}

std::string chunk(std::string_view text) {
    return R"({"id":"c","object":"chat.completion.chunk","created":7,"model":"m",)"
           R"("system_fingerprint":"f",)"
           R"("choices":[{"index":0,"delta":{"content":")" +
           std::string(text) + R"("},"logprobs":null,"finish_reason":null}]})";
}

// Its bytes fit no mould that another chunk left behind.
const std::string other = R"({"choices":[{"index":0,"delta":{"content":"between"}}]})";

TEST(RepeatedChunk, fits_when_only_the_text_differs) {
    RepeatedChunk repeated;
    EXPECT_FALSE(repeated.read(chunk("one")));
    repeated.keep(chunk("one"), chunk("one").find("one"),
                  {0, "one", {"\"system_fingerprint\":\"f\"", "", ""}});
    const auto again = repeated.read(chunk("zw\xc3\xb6lf"));
    ASSERT_TRUE(again);
    EXPECT_EQ(again->text, "zw\xc3\xb6lf");
    EXPECT_EQ(again->extensions.chunk(chat::Native::openai), "\"system_fingerprint\":\"f\"");
    EXPECT_FALSE(repeated.read(chunk("")));
    EXPECT_FALSE(repeated.read(chunk("a\\nb")));
    EXPECT_FALSE(repeated.read(chunk("a\",\"b\":\"c")));
    EXPECT_FALSE(repeated.read(chunk("a\nb")));
    EXPECT_FALSE(repeated.read(chunk("\xc3")));
    EXPECT_FALSE(repeated.read(other));
}

TEST(RepeatedChunk, is_no_mould_where_the_text_is_written_with_escapes) {
    RepeatedChunk repeated;
    const std::string escaped = chunk("\\u0063ontent");
    repeated.keep(escaped, escaped.find("\\u0063"), {0, "content", {}});
    std::string renamed = escaped;
    renamed.replace(renamed.find("content"), 7, "refusal");
    EXPECT_FALSE(repeated.read(renamed));
    EXPECT_FALSE(repeated.read(escaped));
}

// The parser alone is the model: a chunk after one of the same shape says what it says after one of
// another shape.
TEST(RepeatedChunk, never_says_anything_but_what_the_parser_says) {
    std::mt19937 random(7);
    const std::vector<std::string> texts{
        "\\u0063ontent", "\\u006f", "one", "m",  ",",  "\":\"", "c",
        "\\u00e9",       "content", "",    "\\", "\"", "\xff",  "\t"};
    for (int round = 0; round < 20'000; ++round) {
        std::string first = chunk(texts[random() % texts.size()]);
        // Other strings may say the same, written otherwise.
        if (random() % 3 == 0)
            first.replace(first.find("\"f\""), 3, '"' + texts[random() % 8] + '"');
        std::string second = first;
        const std::size_t place = second.find("\"content\":\"") + 11;
        second.replace(place, second.find("\"},") - place, texts[random() % texts.size()]);
        for (std::size_t flips = random() % 3; flips > 0; --flips) {
            const std::size_t at = random() % second.size();
            if (random() % 2 == 0) second[at] = first[random() % first.size()];
            else second.insert(at, 1, first[random() % first.size()]);
        }
        ASSERT_EQ(said({other, first, second}), said({other, first, other, second}))
            << first << "\n"
            << second;
    }
}

} // namespace
} // namespace weir::dialects
