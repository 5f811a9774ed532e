#include "json/document.h"

#include <gtest/gtest.h>

namespace weir::json {
namespace {

std::string message(std::string_view text) {
    const auto parsed = Document::parse(text);
    return parsed ? "" : std::string(parsed.error().message());
}

TEST(Document, values_keep_their_raw_bytes_and_their_meaning) {
    const auto document =
        Document::parse(R"( {"a": [1, -2.5e3 , "x\ny\u00e9"], "b" : {"c":true} ,"d":null} )");
    ASSERT_TRUE(document);
    const Value root = document->root();
    EXPECT_EQ(root.size(), 3u);
    const Value a = *root.find("a");
    EXPECT_EQ(a.raw(), R"([1, -2.5e3 , "x\ny\u00e9"])");
    auto item = a.begin();
    EXPECT_EQ((*item).integer(), 1);
    ++item;
    EXPECT_EQ((*item).number(), -2500.0);
    EXPECT_EQ((*item).raw(), "-2.5e3");
    ++item;
    EXPECT_EQ((*item).text(), "x\ny\xc3\xa9");
    EXPECT_EQ((*item).path(), "a[2]");
    EXPECT_EQ(root.find("b")->raw(), R"({"c":true})");
    EXPECT_TRUE(root.find("b")->find("c")->boolean());
    EXPECT_TRUE(root.find("d")->is_null());
    EXPECT_FALSE(root.find("e"));
}

TEST(Document, survives_being_moved) {
    auto first = Document::parse(R"({"k":"short","e":"\u0041"})");
    ASSERT_TRUE(first);
    const Document second = std::move(*first);
    EXPECT_EQ(second.root().find("k")->text(), "short");
    EXPECT_EQ(second.root().find("e")->text(), "A");
}

TEST(Document, refuses_what_is_not_json) {
    const std::vector<std::string_view> bad = {"",
                                               " ",
                                               "{",
                                               "[",
                                               "}",
                                               "{]",
                                               "[1,]",
                                               "[1 2]",
                                               "[,1]",
                                               "{\"a\":1,}",
                                               "{\"a\"}",
                                               "{\"a\":}",
                                               "{a:1}",
                                               "{'a':1}",
                                               "[01]",
                                               "[1.]",
                                               "[.5]",
                                               "[+1]",
                                               "[-]",
                                               "[1e]",
                                               "[0x10]",
                                               "[NaN]",
                                               "[Infinity]",
                                               "[truex]",
                                               "[tru]",
                                               "[nul]",
                                               "[\"a]",
                                               "[\"\\x\"]",
                                               "[\"\\u12g4\"]",
                                               "[\"\\ud800\"]",
                                               "[\"\\udc00\"]",
                                               "[\"\\ud800\\u0041\"]",
                                               "{} {}",
                                               "{}x",
                                               "[1]]",
                                               "1,2",
                                               "1]",
                                               "\"a\",",
                                               "tru",
                                               "1 2",
                                               "{\"a\":1 \"b\":2}",
                                               "[\"a\"b]",
                                               "{\"a\" 1}",
                                               "[\"\t\"]",
                                               "\xef\xbb\xbf{}",
                                               "[1e999]",
                                               "[\"a\" \"b\"]",
                                               "{\"a\":1,,\"b\":2}",
                                               "[-01]",
                                               "{1:2}",
                                               "{\"a\":1}}",
                                               "[//c\n1]"};
    for (const auto text : bad) EXPECT_FALSE(Document::parse(text)) << text;
    using namespace std::string_view_literals;
    EXPECT_FALSE(Document::parse("[\"\0\"]"sv));
    EXPECT_FALSE(Document::parse("[\"\xff\"]"sv));
    EXPECT_FALSE(Document::parse("[\"\xc0\x80\"]"sv));
    EXPECT_FALSE(Document::parse("[\"\xed\xa0\x80\"]"sv));
}

TEST(Document, accepts_every_legal_oddity) {
    for (const std::string_view text :
         {"{}", "[]", " [ ] ", "[[[]]]", "[-0]", "[0.0e-0]", "[1E+2]",
          "[\"\\/\\b\\f\\n\\r\\t\\\"\\\\\"]", "[\"\\ud83d\\ude00\"]", "{\"\":1}",
          "[123456789012345678901234567890]", "[1e-999]", "[\"\x7f\"]", "[\"\xf0\x9f\x98\x80\"]",
          "{\"a\":{\"a\":{\"a\":1}}}"})
        EXPECT_TRUE(Document::parse(text)) << text << ": " << message(text);
}

TEST(Document, duplicate_keys_are_refused_at_every_depth_and_through_escapes) {
    EXPECT_NE(message(R"({"a":1,"b":2,"a":3})").find("'a'"), std::string::npos);
    EXPECT_NE(message(R"({"x":[{"a":1,"\u0061":3}]})"), "");
    std::string many = "{";
    for (int i = 0; i < 100; ++i) many += "\"k" + std::to_string(i) + "\":0,";
    EXPECT_EQ(message(many + "\"z\":0}"), "");
    EXPECT_NE(message(many + "\"k7\":0}"), "");
}

TEST(Document, an_empty_text_is_none_also_where_it_points_nowhere) {
    EXPECT_NE(message(""), "");
    EXPECT_NE(message(std::string_view()), "");
    Reader reader;
    EXPECT_FALSE(reader.read(std::string_view()));
}

TEST(Document, depth_and_counts_are_bounded) {
    const auto nested = [](std::size_t depth) {
        return std::string(depth, '[') + std::string(depth, ']');
    };
    EXPECT_EQ(message(nested(64)), "");
    EXPECT_NE(message(nested(65)), "");
    EXPECT_NE(message(std::string(100'000, '[')), "");
    EXPECT_FALSE(Document::parse("[1,2,3]", {.depth = 9, .values = 3, .keys_per_object = 9}));
    EXPECT_FALSE(
        Document::parse(R"({"a":1,"b":2})", {.depth = 9, .values = 9, .keys_per_object = 1}));
}

} // namespace
} // namespace weir::json
