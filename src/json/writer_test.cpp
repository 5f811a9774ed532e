#include "json/writer.h"

#include "json/document.h"

#include <gtest/gtest.h>

namespace weir::json {
namespace {

TEST(Writer, writes_nested_values_with_commas_where_they_belong) {
    std::string out;
    Writer writer(out);
    writer.begin_object().member("a", 1).key("b").begin_array().value("x").null().boolean(true);
    writer.begin_object().end_object().end_array().member("c", 0.5).end_object();
    EXPECT_EQ(out, R"({"a":1,"b":["x",null,true,{}],"c":0.5})");
}

TEST(Writer, every_byte_string_that_is_text_survives_a_round_trip) {
    std::string text;
    for (int c = 1; c < 128; ++c) text.push_back(static_cast<char>(c));
    text += "\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80";
    text.push_back('\0');
    std::string out = "[";
    append_quoted(out, text);
    out += "]";
    const auto parsed = Document::parse(out);
    ASSERT_TRUE(parsed) << parsed.error().message();
    EXPECT_EQ((*parsed->root().begin()).text(), text);
}

} // namespace
} // namespace weir::json
