#include "filter/request_text.h"

#include "json/document.h"

#include <gtest/gtest.h>

namespace weir::filter {
namespace {

std::shared_ptr<const RuleSet> made_rules() {
    Rule key;
    key.id = "key";
    key.category = "credential";
    key.pattern = "KEY-[0-9]{4,8}";
    key.action = Action::redact;
    Rule word;
    word.id = "word";
    word.category = "secret";
    word.pattern = "forbidden";
    word.action = Action::block;
    Rule seen;
    seen.id = "seen";
    seen.category = "word";
    seen.pattern = "seen";
    seen.action = Action::alert;
    auto made = RuleSet::compile({key, word, seen});
    EXPECT_TRUE(made);
    return *made;
}

// What is noticed points into them.
std::shared_ptr<const RuleSet> rules() {
    static const std::shared_ptr<const RuleSet> all = made_rules();
    return all;
}

TEST(RequestText, redacts_every_string_wherever_it_stands_and_nothing_else) {
    const std::string body =
        R"( {"model":"KEY-1234","messages":[{"role":"user","content":"a KEY-1234, KEY-5678!"},)"
        R"({"role":"user","content":[{"type":"text","text":"\u004bEY-99999 \"q\""},)"
        R"({"type":"image_url","image_url":{"url":"data:KEY-1234"}}]}],"odd":{"x":["KEY-0000"]},)"
        R"("n":12345} )"; // an address is looked at, too
    const Inspected out = inspect_request(*rules(), body, {});
    ASSERT_TRUE(out.body);
    EXPECT_EQ(*out.body,
              R"({"model":"KEY-1234","messages":[{"role":"user","content":)"
              R"("a [redacted:credential], [redacted:credential]!"},)"
              R"({"role":"user","content":[{"type":"text","text":"[redacted:credential] \"q\""},)"
              R"({"type":"image_url","image_url":{"url":"data:[redacted:credential]"}}]}],)"
              R"("odd":{"x":["[redacted:credential]"]},"n":12345})");
    EXPECT_TRUE(json::Document::parse(*out.body));
    ASSERT_EQ(out.noticed.size(), 1u);
    EXPECT_EQ(out.noticed[0].times, 5);
    EXPECT_EQ(out.refused_by, nullptr);
}

TEST(RequestText, says_which_rule_refuses_and_what_else_was_seen) {
    const Inspected out = inspect_request(*rules(), R"({"input":"seen and forbidden, seen"})", {});
    ASSERT_NE(out.refused_by, nullptr);
    EXPECT_EQ(out.refused_by->id, "word");
    EXPECT_EQ(out.noticed.size(), 2u);
    EXPECT_FALSE(out.body);
    EXPECT_TRUE(inspect_request(*rules(), R"({"input":"nothing"})", {}).noticed.empty());
}

TEST(RequestText, refuses_what_it_would_redact_in_the_name_of_a_member) {
    const Inspected out = inspect_request(
        *rules(), R"({"tools":[{"parameters":{"properties":{"KEY-1234":{}}}}]})", {});
    ASSERT_NE(out.refused_by, nullptr);
    EXPECT_EQ(out.refused_by->id, "key");
    EXPECT_EQ(inspect_request(*rules(), R"({"seen":1})", {}).refused_by, nullptr);
    EXPECT_NE(inspect_request(*rules(), R"({"a":{"forbidden":1}})", {}).refused_by, nullptr);
}

TEST(RequestText, marks_what_overlaps_once) {
    Rule a;
    a.id = "a";
    a.category = "a";
    a.pattern = "abcd";
    a.action = Action::redact;
    Rule b = a;
    b.id = b.category = "b";
    b.pattern = "cdef";
    const auto both = RuleSet::compile({a, b});
    EXPECT_EQ(redacted("xabcdefx", (*both)->find("xabcdefx", {})), "x[redacted:a]x");
    EXPECT_EQ(redacted("nothing", (*both)->find("nothing", {})), std::nullopt);
}

} // namespace
} // namespace weir::filter
