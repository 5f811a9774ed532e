#include "filter/pattern.h"

#include <gtest/gtest.h>

namespace weir::filter {
namespace {

std::optional<Span> first(std::string_view pattern, std::string_view text) {
    const auto made = Pattern::parse(pattern);
    EXPECT_TRUE(made) << pattern << ": " << (made ? "" : made.error().message());
    if (!made) return std::nullopt;
    std::int64_t budget = 1'000'000;
    for (std::size_t begin = 0; begin < text.size(); ++begin)
        if (const auto end = made->longest(text, begin, budget)) return Span{begin, *end};
    return std::nullopt;
}

std::string found(std::string_view pattern, std::string_view text) {
    const auto span = first(pattern, text);
    return span ? std::string(text.substr(span->begin, span->end - span->begin)) : "none";
}

TEST(Pattern, finds_the_leftmost_match_and_the_longest_there) {
    EXPECT_EQ(found("ab|abcd|b", "xabcde"), "abcd");
    EXPECT_EQ(found("a{2,4}", "baaaaaa"), "aaaa");
    EXPECT_EQ(found("(?:ab)+", "xababab!"), "ababab");
    EXPECT_EQ(found("[a-c]*d", "zzabcd"), "abcd");
    EXPECT_EQ(found("a?b", "cb"), "b");
    EXPECT_EQ(found("x.y", "x\ny xzy"), "xzy");
    EXPECT_EQ(found(R"(\d{3}-\d{2})", "call 123-456"), "123-45");
    EXPECT_EQ(found(R"([^\s,]+)", " ,word, "), "word");
    EXPECT_EQ(found(R"([\]\-^])", "a]b"), "]");
    EXPECT_EQ(found(R"(\x41\.)", "AA."), "A.");
    EXPECT_EQ(found("(?i)secret", "a SeCrEt"), "SeCrEt");
    EXPECT_EQ(found("ä+", "xää"), "\xc3\xa4");
}

TEST(Pattern, knows_where_words_and_texts_begin_and_end) {
    EXPECT_EQ(found(R"(\bcat\b)", "concat cats cat."), "cat");
    EXPECT_EQ(first(R"(\bcat\b)", "concat cats cat.")->begin, 12u);
    EXPECT_EQ(found(R"(\Bat\b)", "at cat"), "at");
    EXPECT_EQ(first(R"(\Bat\b)", "at cat")->begin, 4u);
    EXPECT_EQ(found("^a", "ba"), "none");
    EXPECT_EQ(found("a$", "ab a"), "a");
}

TEST(Pattern, says_how_long_a_match_can_be) {
    EXPECT_EQ(Pattern::parse("ab{2,5}(?:c|dd)?")->width(), 8u);
    EXPECT_EQ(Pattern::parse(R"(\bsk-[a-z]{20,200})")->width(), 203u);
    EXPECT_EQ(Pattern::parse("ab+")->width(), std::nullopt);
}

TEST(Pattern, finds_the_match_that_ends_there) {
    const auto pattern = Pattern::parse("[a-z]{2,4}");
    std::int64_t budget = 10'000;
    const auto span = pattern->around("..abcdef", 0, 5, budget);
    ASSERT_TRUE(span);
    EXPECT_EQ(span->begin, 2u);
    EXPECT_EQ(span->end, 6u);
    EXPECT_FALSE(pattern->around("..a.", 0, 3, budget));
}

TEST(Pattern, refuses_what_it_does_not_understand_and_says_where) {
    for (const char* const text :
         {"",      "a*",   "(a",     "a)",       "[a",       "[]",
          "a{",    "a{x}", "a{3,2}", "a{0}",     "a{2001}",  "*a",
          "a**",   "a+?",  "(?=a)",  "(?P<n>a)", "\\1",      "a\\",
          "\\x4",  "\\q",  "[z-a]",  "[ä]",      "(a|b?)+x", "(?:(?:a{2000}){2000}){2000}",
          "\\b*a", "^$"}) {
        const auto pattern = Pattern::parse(text);
        EXPECT_FALSE(pattern) << text;
        if (!pattern) EXPECT_TRUE(pattern.error().message().starts_with("at byte ")) << text;
    }
    std::string deep(40, '(');
    EXPECT_FALSE(Pattern::parse(deep + "a" + std::string(40, ')')));
}

TEST(Pattern, gives_up_where_a_text_takes_too_long) {
    const auto pattern = Pattern::parse("(?:a|b){1,500}c");
    ASSERT_TRUE(pattern);
    std::int64_t budget = 5'000;
    EXPECT_FALSE(pattern->longest(std::string(4000, 'a'), 0, budget));
    EXPECT_LT(budget, 0);
}

} // namespace
} // namespace weir::filter
