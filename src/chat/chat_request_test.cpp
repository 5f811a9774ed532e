#include "chat/chat_request.h"

#include <gtest/gtest.h>

namespace weir::chat {
namespace {

struct Refused {
    const char* body;
    Errc code;
    const char* param;
};

TEST(ChatRequest, keeps_every_member_raw_and_reads_what_it_needs) {
    const auto request =
        parse(R"({"model":"m","tomorrow":{"x":[1,2]},"messages":[{"role":"user","content":"hé"}],)"
              R"("stream":true,)"
              R"("stream_options":{"include_usage":true},"max_completion_tokens":7,"n":2})");
    ASSERT_TRUE(request) << request.error().message();
    EXPECT_EQ(request->model(), "m");
    EXPECT_EQ(request->delivery(), Delivery::streamed);
    EXPECT_EQ(request->usage_wish(), UsageWish::include);
    EXPECT_EQ(request->max_output_tokens(), 7);
    EXPECT_EQ(request->choices(), 2);
    ASSERT_EQ(request->members().size(), 7u);
    EXPECT_EQ(request->members()[1].raw, R"({"x":[1,2]})");
    EXPECT_EQ(request->messages()[0].texts[0], "hé");
}

TEST(ChatRequest, names_the_exact_path_of_what_is_wrong) {
    const std::vector<Refused> table = {
        {"{", Errc::invalid_json, ""},
        {"[]", Errc::invalid_type, ""},
        {R"({"model":"m","model":"n"})", Errc::invalid_json, ""},
        {R"({"messages":[{"role":"user","content":"x"}]})", Errc::missing_required_parameter,
         "model"},
        {R"({"model":"m"})", Errc::missing_required_parameter, "messages"},
        {R"({"model":3,"messages":[{"role":"user","content":"x"}]})", Errc::invalid_type, "model"},
        {R"({"model":"","messages":[{"role":"user","content":"x"}]})", Errc::invalid_value,
         "model"},
        {R"({"model":"m","messages":{}})", Errc::invalid_type, "messages"},
        {R"({"model":"m","messages":[]})", Errc::empty_array, "messages"},
        {R"({"model":"m","messages":["x"]})", Errc::invalid_type, "messages[0]"},
        {R"({"model":"m","messages":[{"role":"user","content":"a"},{"role":"user","content":"b"},)"
         R"({"role":"user","content":5}]})",
         Errc::invalid_type, "messages[2].content"},
        {R"({"model":"m","messages":[{"role":"robot","content":"x"}]})", Errc::invalid_value,
         "messages[0].role"},
        {R"({"model":"m","messages":[{"content":"x"}]})", Errc::missing_required_parameter,
         "messages[0].role"},
        {R"({"model":"m","messages":[{"role":"user"}]})", Errc::missing_required_parameter,
         "messages[0].content"},
        {R"({"model":"m","messages":[{"role":"user","content":)"
         R"([{"type":"image_url","image_url":{"url":1}}]}]})",
         Errc::invalid_type, "messages[0].content[0].image_url.url"},
        {R"({"model":"m","messages":[{"role":"user","content":"x"}],"stream":"yes"})",
         Errc::invalid_type, "stream"},
        {R"({"model":"m","messages":[{"role":"user","content":"x"}],"stream_options":{}})",
         Errc::invalid_value, "stream_options"},
        {R"({"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":0})",
         Errc::integer_below_min_value, "max_tokens"},
        {R"({"model":"m","messages":[{"role":"user","content":"x"}],"n":99})",
         Errc::integer_above_max_value, "n"},
        {R"({"model":"m","messages":[{"role":"user","content":"x"}],"temperature":3})",
         Errc::invalid_value, "temperature"},
        {R"({"model":"m","messages":[{"role":"user","content":"x"}],"tools":[1]})",
         Errc::invalid_type, "tools[0]"},
    };
    for (const Refused& row : table) {
        const auto request = parse(row.body);
        ASSERT_FALSE(request) << row.body;
        EXPECT_EQ(request.error().code(), row.code) << row.body << request.error().message();
        EXPECT_EQ(request.error().param(), row.param) << row.body;
    }
}

TEST(ChatRequest, reports_the_first_fault_and_up_to_eight_more) {
    std::string body = R"({"model":1,"messages":[)";
    for (int i = 0; i < 20; ++i) body += R"({"role":"user","content":1},)";
    body.back() = ']';
    const auto request = parse(body + "}");
    ASSERT_FALSE(request);
    EXPECT_EQ(request.error().param(), "model");
    EXPECT_EQ(request.error().more().size(), 8u);
}

TEST(ChatRequest, the_plain_form_has_its_defaults) {
    const auto request = parse_prompt(R"({"prompt":"say \"hi\""})");
    ASSERT_TRUE(request);
    EXPECT_EQ(request->model(), "fast");
    EXPECT_EQ(request->delivery(), Delivery::streamed);
    EXPECT_EQ(request->messages()[0].texts[0], "say \"hi\"");
    EXPECT_EQ(parse_prompt("{}").error().param(), "prompt");
    EXPECT_EQ(parse_prompt(R"({"prompt":1})").error().code(), Errc::invalid_type);
    EXPECT_EQ(parse_prompt(R"({"prompt":"x","other":1})").error().code(), Errc::unknown_parameter);
}

TEST(ChatRequest, translated_requests_are_told_apart_by_what_was_sent) {
    const auto canonical = [](std::string_view sent, Native native) {
        auto original =
            std::make_unique<Original>(native, *json::Document::parse("{}"), std::vector<Member>(),
                                       std::vector<std::string>());
        // A member without a name is one like any other.
        original->members = {{"", "1"}, {"input", sent}};
        return parse_translated(R"({"model":"m","messages":[{"role":"user","content":"x"}]})",
                                std::move(original))
            ->canonical();
    };
    EXPECT_NE(canonical("\"a\"", Native::responses), canonical("\"b\"", Native::responses));
    EXPECT_NE(canonical("\"a\"", Native::responses), canonical("\"a\"", Native::anthropic));
    EXPECT_EQ(canonical("\"a\"", Native::responses), canonical("\"\\u0061\"", Native::responses));
}

TEST(ChatRequest, the_bound_on_input_tokens_grows_with_everything_a_model_is_shown) {
    const auto bound = [](const std::string& extra) {
        return parse(R"({"model":"m","messages":[{"role":"user","content":"x"}])" + extra + "}")
            ->input_tokens_bound();
    };
    EXPECT_GT(bound(R"(,"tools":[{"type":"function","function":{"name":"a_long_name"}}])"),
              bound("") + 20);
    EXPECT_GT(bound(R"(,"unknown":")" + std::string(1000, 'y') + "\""), bound("") + 400);
}

} // namespace
} // namespace weir::chat
