#include "filter/plain_text.h"

#include <gtest/gtest.h>

namespace weir::filter {
namespace {

// What the bytes of `part` in the plain form came from.
std::string source_of(const std::string& text, const std::string& part) {
    const auto plain = plain_text(text);
    if (!plain) return "itself";
    const std::size_t at = plain->text.find(part);
    if (at == std::string::npos) return "none in " + plain->text;
    const std::size_t begin = plain->begins[at];
    return text.substr(begin, plain->ends[at + part.size() - 1] - begin);
}

TEST(PlainText, is_the_text_itself_where_nothing_is_hidden) {
    for (const char* const text : {"", "plain",
                                   "Gr\xc3\xb6\xc3\x9f"
                                   "e",
                                   "\xe6\x97\xa5\xe6\x9c\xac"})
        EXPECT_FALSE(plain_text(text)) << text;
}

TEST(PlainText, spends_no_square_of_time_on_a_run_of_marks) {
    std::string text = "a";
    for (int i = 0; i < 400'000; ++i) text += "\xcc\x95";
    for (int i = 0; i < 400'000; ++i) text += "\xcc\x96";
    const auto plain = plain_text(text);
    ASSERT_TRUE(plain);
    EXPECT_LT(plain->text.size(), 200u);
}

TEST(PlainText, knows_where_everything_came_from) {
    const std::string wide = "a\xef\xbd\x93\xef\xbd\x8b-z";
    EXPECT_EQ(plain_text(wide)->text, "ask-z");
    EXPECT_EQ(source_of(wide, "sk"), "\xef\xbd\x93\xef\xbd\x8b");
    EXPECT_EQ(source_of(wide, "k-z"), "\xef\xbd\x8b-z");
    const std::string hidden = "x s\xe2\x80\x8bk\xe2\x80\x8b\xe2\x80\x8b-1\xc2\xad";
    EXPECT_EQ(plain_text(hidden)->text, "x sk-1");
    EXPECT_EQ(source_of(hidden, "sk-1"), "s\xe2\x80\x8bk\xe2\x80\x8b\xe2\x80\x8b-1");
    const std::string both = "\xe2\x81\xa0\xef\xac\x81n\xcc\x81x"; // a ligature, an accent apart
    EXPECT_EQ(plain_text(both)->text, "fi\xc5\x84x");
    EXPECT_EQ(source_of(both, "f"), "\xef\xac\x81") << "a ligature is one";
    EXPECT_EQ(source_of(both, "\xc5\x84"), "n\xcc\x81");
    EXPECT_EQ(plain_text("\xe2\x80\x8b\xe2\x80\x8b")->text, "");
}

} // namespace
} // namespace weir::filter
