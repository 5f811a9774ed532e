// What the Responses API asks, as a chat request: also what its own answers are made of, which come
// back with the next turn of a talk.

#include "dialects/responses/request_in.h"

#include "dialects/responses/encoder.h"
#include "dialects/round_trip_test.h"
#include "dialects/translation.h"

#include <gtest/gtest.h>
#include <set>

namespace weir::dialects {
namespace {

using namespace round_trip;
using json::Kind;
using json::Value;

// The next turn of a talk: what was asked, what was said, a result of each call, and a question.
std::string next_turn(const Answer& answer) {
    const auto encoder = responses_whole_encoder({"resp_abc", "{}"});
    for (const chat::ChatEvent& event : answer.events) encoder->event(event);
    const std::string items = output_items(encoder->close(answer.closing, {}));
    std::string out;
    json::Writer writer(out);
    writer.begin_object().member("model", "m").key("input").begin_array();
    writer.begin_object().member("role", "user").member("content", "asked").end_object();
    if (!items.empty()) writer.raw(items);
    for (const auto& [number, call] : said_by(answer).calls) {
        writer.begin_object().member("type", "function_call_output").member("call_id", call.id);
        writer.member("output", "done").end_object();
    }
    writer.begin_object().member("role", "user").member("content", "and?").end_object();
    writer.end_array().end_object();
    return out;
}

// A provider that takes nothing else before each call has its result.
class Provider {
public:
    void take(const Value& message) {
        const std::string_view role = text_of(message, "role");
        if (role == "tool") {
            ASSERT_EQ(unanswered_.erase(std::string(text_of(message, "tool_call_id"))), 1u);
            return;
        }
        ASSERT_TRUE(unanswered_.empty()) << message.raw();
        const Value content = *message.find("content");
        if (role != "assistant") return;
        for (const Value part : content) {
            const bool refused = text_of(part, "type") == "refusal";
            said_.say(refused ? Said::Kind::refusal : Said::Kind::text,
                      text_of(part, refused ? "refusal" : "text"));
        }
        const auto calls = message.find("tool_calls");
        if (!calls) return;
        for (const Value call : *calls) {
            const Value function = *call.find("function");
            const std::string id(text_of(call, "id"));
            unanswered_.insert(id);
            said_.calls[static_cast<std::uint32_t>(said_.calls.size())] = {
                id, std::string(text_of(function, "name")),
                std::string(text_of(function, "arguments"))};
        }
    }
    const Said& said() const { return said_; }

private:
    Said said_;
    std::set<std::string> unanswered_;
};

TEST(ResponsesRequest, what_was_said_can_be_sent_back_with_the_results_of_its_calls) {
    for (std::uint64_t seed = 0; seed < 1'000; ++seed) {
        SCOPED_TRACE(seed);
        Chance chance(seed);
        const Answer answer = random_answer(chance, Arguments::whole);
        const std::string body = next_turn(answer);
        const auto request = parse_responses(body);
        ASSERT_TRUE(request) << request.error().message() << body;
        Provider provider;
        const ChatFields fields(*request);
        const Value messages = *fields.find("messages");
        for (const Value message : messages) provider.take(message);
        ASSERT_FALSE(HasFatalFailure()) << body;
        // Thought belongs to the provider that made it.
        Said wanted;
        wanted.calls = said_by(answer).calls;
        for (const Said::Run& run : said_by(answer).runs)
            if (run.kind != Said::Kind::reasoning) wanted.say(run.kind, run.text);
        ASSERT_EQ(provider.said().told(), wanted.told()) << body;
    }
}

TEST(ResponsesRequest, a_talk_that_cannot_be_gone_on_with_is_refused) {
    const auto refused = [](std::string_view more) {
        const auto request =
            parse_responses(R"({"model":"m","input":"q",)" + std::string(more) + "}");
        return request ? std::string()
                       : std::string(name(request.error().code())) + " " +
                             std::string(request.error().param());
    };
    EXPECT_EQ(refused(R"("previous_response_id":5)"), "invalid_type previous_response_id");
    EXPECT_EQ(refused(R"("conversation":"conv_1")"), "unknown_parameter conversation");
    EXPECT_EQ(refused(R"("conversation":{"id":"conv_1"})"), "unknown_parameter conversation");
    EXPECT_EQ(refused(R"("conversation":null,"previous_response_id":null)"), "");
}

TEST(ResponsesRequest, names_the_settings_that_have_no_other_form) {
    const auto request = parse_responses(
        R"({"model":"m","input":"hi","truncation":"auto","max_tool_calls":3,"top_logprobs":2,)"
        R"("include":["reasoning.encrypted_content"],"prompt":{"id":"p"},)"
        R"("text":{"verbosity":"low"},"conversation":null})");
    ASSERT_TRUE(request);
    const std::vector<std::string>& untold = request->original()->untold;
    EXPECT_EQ(std::set<std::string>(untold.begin(), untold.end()),
              (std::set<std::string>{"truncation", "max_tool_calls", "top_logprobs", "include",
                                     "prompt"}));
    const auto usual = parse_responses(
        R"({"model":"m","input":"hi","truncation":"disabled","include":[],"max_tool_calls":null})");
    ASSERT_TRUE(usual);
    EXPECT_TRUE(usual->original()->untold.empty());
}

} // namespace
} // namespace weir::dialects
