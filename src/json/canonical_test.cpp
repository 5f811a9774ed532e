#include "json/canonical.h"

#include <gtest/gtest.h>

namespace weir::json {
namespace {

std::string canonical(std::string_view text) {
    const auto document = Document::parse(text);
    EXPECT_TRUE(document) << text;
    std::string out;
    if (document) append_canonical(out, document->root());
    return out;
}

TEST(Canonical, order_white_space_and_escapes_make_no_difference) {
    const std::string form = canonical(R"({"a":[1,{"x":"é","y":null}],"b":{"c":true,"d":"\n/"}})");
    EXPECT_EQ(form, R"({"a":[1,{"x":"é","y":null}],"b":{"c":true,"d":"\n/"}})");
    EXPECT_EQ(canonical(" { \"b\" : {\"d\":\"\\u000a\\/\", \"c\":true},\n"
                        "\"a\":[ 1 , {\"y\":null,\"x\":\"\\u00e9\"} ] } "),
              form);
}

TEST(Canonical, what_means_something_else_has_another_form) {
    const std::string form = canonical(R"({"a":[1,2],"b":"x"})");
    for (const std::string_view other :
         {R"({"a":[2,1],"b":"x"})", R"({"a":[1,2],"b":"X"})", R"({"a":[1,2]})",
          R"({"a":[1,2],"b":"x","c":null})", R"({"a":[1,2,[]],"b":"x"})", R"({"a":"1,2","b":"x"})"})
        EXPECT_NE(canonical(other), form) << other;
    EXPECT_EQ(canonical("[]"), "[]");
    EXPECT_EQ(canonical("[[],{}]"), "[[],{}]");
}

} // namespace
} // namespace weir::json
