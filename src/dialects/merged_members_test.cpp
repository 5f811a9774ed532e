#include "dialects/merged_members.h"

#include <gtest/gtest.h>

namespace weir::dialects {
namespace {

std::string merged(std::initializer_list<std::string_view> chunks) {
    MergedMembers members;
    for (const std::string_view chunk : chunks) members.add(chunk);
    std::string out;
    members.append_to(out);
    return out;
}

TEST(MergedMembers, what_every_chunk_repeats_stands_there_once) {
    EXPECT_EQ(merged({R"("system_fingerprint":"fp_1")", R"("system_fingerprint":"fp_1")"}),
              R"(,"system_fingerprint":"fp_1")");
    EXPECT_EQ(merged({R"("logprobs":null)", R"("logprobs":null)"}), R"(,"logprobs":null)");
}

TEST(MergedMembers, objects_are_merged_deep_and_the_last_value_wins) {
    EXPECT_EQ(merged({R"("x":{"a":1,"b":{"c":2}},"y":1)", R"("x":{"b":{"d":3},"a":4})",
                      R"("y":[1,2])", R"("y":[3])"}),
              R"(,"x":{"a":4,"b":{"c":2,"d":3}},"y":[3])");
    EXPECT_EQ(merged({R"("x":{"a":1})", R"("x":7)"}), R"(,"x":7)");
    EXPECT_EQ(merged({R"("x":7)", R"("x":{"a":1})"}), R"(,"x":{"a":1})");
}

TEST(MergedMembers, logprobs_go_on_from_chunk_to_chunk) {
    EXPECT_EQ(
        merged({R"("logprobs":{"content":[],"refusal":null})",
                R"("logprobs":{"content":[{"token":"a"}],"refusal":null})",
                R"("logprobs":{"content":[{"token":"a"}],"refusal":null})", R"("logprobs":null)"}),
        R"(,"logprobs":{"content":[{"token":"a"},{"token":"a"}],"refusal":null})");
}

TEST(MergedMembers, padding_of_a_stream_is_dropped) {
    EXPECT_EQ(merged({R"("obfuscation":"aXk","x":1)"}), R"(,"x":1)");
}

TEST(MergedMembers, damaged_members_are_ignored) {
    EXPECT_EQ(merged({R"("x":1)", R"("y":)", "}", "\"z\":1}{"}), R"(,"x":1)");
}

} // namespace
} // namespace weir::dialects
