#include "dialects/openai/answer.h"

#include "dialects/answer_encoder.h"

#include <gtest/gtest.h>

namespace weir::dialects {
namespace {

constexpr std::string_view stream_text =
    "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":\"m\","
    "\"tomorrow\":{\"a\":1},\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\","
    "\"content\":\"\"},\"finish_reason\":null}]}\n\n"
    ": a comment\n\n"
    "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"h\xc3\xa9 \\n\"},"
    "\"logprobs\":{\"x\":1}}]}\r\n\r\n"
    "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"
    "\"id\":\"t\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}}]}"
    "\n\n"
    "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n"
    "data: [DONE]\n\n";

// The whole answer that a client would get for a stream cut into these pieces.
std::string whole_of(const std::vector<std::string_view>& pieces) {
    OpenAiStreamDecoder codec;
    const auto encoder = openai_whole_encoder("fallback");
    for (const std::string_view piece : pieces) {
        std::vector<chat::ChatEvent> events;
        const auto decoded = codec.feed(piece, events);
        if (!decoded) return std::string(decoded.error().detail());
        for (const auto& e : events) encoder->event(e);
    }
    EXPECT_TRUE(codec.finished() && codec.done());
    return encoder->close({}, {});
}

Result<void> decode_one(std::string_view data, std::vector<chat::ChatEvent>& events) {
    OpenAiStreamDecoder codec;
    return codec.decode({"", data, ""}, events);
}

TEST(OpenAiAnswer, says_the_same_wherever_the_stream_is_cut) {
    const std::string expected = whole_of({stream_text});
    EXPECT_NE(expected.find("\"content\":\"h\xc3\xa9 \\n\""), std::string::npos) << expected;
    EXPECT_NE(expected.find("\"tomorrow\":{\"a\":1}"), std::string::npos) << expected;
    EXPECT_NE(expected.find("\"logprobs\":{\"x\":1}"), std::string::npos) << expected;
    for (std::size_t cut = 0; cut <= stream_text.size(); ++cut)
        ASSERT_EQ(whole_of({stream_text.substr(0, cut), stream_text.substr(cut)}), expected) << cut;
}

TEST(OpenAiAnswer, a_usage_that_no_answer_can_have_is_not_believed) {
    for (const std::string usage :
         {R"({"prompt_tokens":1,"completion_tokens":9223372036854775807})",
          R"({"prompt_tokens":-1,"completion_tokens":1})",
          R"({"prompt_tokens":"3","completion_tokens":1})",
          R"({"prompt_tokens":1.5,"completion_tokens":1})", R"({"total_tokens":50})", "{}"}) {
        std::vector<chat::ChatEvent> events;
        ASSERT_TRUE(decode_one("{\"choices\":[],\"usage\":" + usage + "}", events)) << usage;
        for (const auto& event : events)
            EXPECT_FALSE(std::holds_alternative<chat::UsageReport>(event)) << usage;
    }
}

TEST(OpenAiAnswer, is_finished_only_when_every_choice_that_began_is) {
    OpenAiStreamDecoder codec;
    std::vector<chat::ChatEvent> events;
    const auto feed = [&](std::string_view data) { (void)codec.decode({"", data, ""}, events); };
    feed(
        R"({"choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"}}]})");
    feed(R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})");
    EXPECT_FALSE(codec.finished());
    feed(R"({"choices":[{"index":1,"delta":{},"finish_reason":"length"}]})");
    EXPECT_TRUE(codec.finished());
}

TEST(OpenAiAnswer, what_comes_before_the_first_chunk_is_said_with_it_and_once) {
    OpenAiStreamDecoder codec;
    std::vector<chat::ChatEvent> events;
    for (const std::string_view data :
         {R"({"a":{"b":1},"c":1})", R"({"a":{"d":2},"c":2})", R"({"id":"x","c":3,"choices":[]})"})
        EXPECT_TRUE(codec.decode({"", data, ""}, events));
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(std::get<chat::Started>(events[0]).extensions.chunk(chat::Native::openai),
              R"("a":{"b":1,"d":2},"c":3)");
}

TEST(OpenAiAnswer, a_message_that_repeats_a_stream_is_not_told_again) {
    const std::string whole =
        whole_of({"data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},"
                  "\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n",
                  "data: [DONE]\n\n"});
    EXPECT_EQ(whole.find("\"message\""), whole.rfind("\"message\"")) << whole;
}

TEST(OpenAiAnswer, failures_inside_an_answer_are_failures) {
    std::vector<chat::ChatEvent> events;
    EXPECT_EQ(decode_one(R"({"error":{"message":"no"}})", events).error().code(),
              Errc::upstream_error);
    EXPECT_EQ(decode_one(R"({"error":"no"})", events).error().code(), Errc::upstream_error);
    EXPECT_EQ(decode_one(R"({"object":"error","message":"no"})", events).error().code(),
              Errc::upstream_error);
    EXPECT_EQ(decode_one(R"({"choices":[)", events).error().code(), Errc::upstream_malformed);
    EXPECT_TRUE(decode_one("not json", events));
    EXPECT_TRUE(decode_one("", events));
    EXPECT_TRUE(events.empty());
    EXPECT_EQ(decode_openai_answer(R"({"choices":[{"message":{"content":"x"}}]})").error().code(),
              Errc::stream_truncated);
}

} // namespace
} // namespace weir::dialects
