#include "chat/continuation.h"

#include <gtest/gtest.h>

namespace weir::chat {
namespace {

ChatRequest request(std::string_view more = "") {
    return *parse(R"({"model":"m","messages":[{"role":"user","content":"Tell me."}])" +
                  std::string(more) + "}");
}

// What a client reads of a rest that comes in these pieces.
std::string joined(std::string_view said, const std::vector<std::string>& pieces) {
    Seam seam(said);
    std::string out;
    for (const std::string& piece : pieces) out += seam.join(piece);
    return out + seam.finish();
}

TEST(Continuation, asks_the_same_with_what_was_said) {
    const auto rest =
        ask_for_rest(request(R"(,"max_tokens":100,"tomorrow":{"a":1})"), "Once \"upon\"\n", 30);
    ASSERT_TRUE(rest);
    EXPECT_EQ(rest->max_output_tokens(), 70);
    ASSERT_EQ(rest->messages().size(), 3U);
    EXPECT_EQ(rest->messages()[1].speaker, Speaker::assistant);
    EXPECT_EQ(rest->messages()[1].texts[0], "Once \"upon\"\n");
    EXPECT_EQ(rest->messages()[2].speaker, Speaker::user);
    EXPECT_EQ(rest->members().back().raw, R"({"a":1})");
    EXPECT_EQ(ask_for_rest(request(R"(,"max_tokens":10)"), "x", 30)->max_output_tokens(), 1);
}

TEST(Continuation, goes_on_with_plain_text_alone) {
    EXPECT_TRUE(can_be_continued(request()));
    EXPECT_FALSE(can_be_continued(request(R"(,"n":2)")));
    EXPECT_FALSE(can_be_continued(request(R"(,"response_format":{"type":"json_object"})")));
    EXPECT_FALSE(can_be_continued(request(R"(,"logprobs":true)")));
}

TEST(Seam, what_was_said_before_is_not_said_again) {
    const std::string said = "The quick brown fox jumps over";
    EXPECT_EQ(joined(said, {"fox jumps over", " the dog"}), " the dog");
    EXPECT_EQ(joined(said, {" the", " dog"}), " the dog");
    EXPECT_EQ(joined(said, {said, " the dog"}), " the dog");
    EXPECT_EQ(joined(said, {"o", "v", "er the dog"}), "over the dog"); // too little to be sure
    EXPECT_EQ(joined("one ", {" two"}), "two");
    EXPECT_EQ(joined("one", {" two"}), " two");
    EXPECT_EQ(joined("", {"two"}), "two");
    EXPECT_EQ(joined(said, {}), "");
}

TEST(Seam, a_long_rest_flows_once_its_beginning_is_known) {
    Seam seam("words that were said");
    EXPECT_EQ(seam.join(std::string(150, 'a')), "");
    EXPECT_EQ(seam.join(std::string(150, 'b')), std::string(150, 'a') + std::string(150, 'b'));
    EXPECT_EQ(seam.join("c"), "c");
    EXPECT_EQ(seam.finish(), "");
}

} // namespace
} // namespace weir::chat
