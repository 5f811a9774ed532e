// The Responses API's streams, of answers told at random: what a client builds of the frames, one
// by one and as strictly as the official ones do, is what was said. A failure names its seed.

#include "dialects/responses/encoder.h"

#include "dialects/answer_text.h"
#include "dialects/round_trip_test.h"

#include <gtest/gtest.h>
#include <set>

namespace weir::dialects {
namespace {

using namespace round_trip;
using json::Kind;
using json::Value;

constexpr std::uint64_t cases = 1'000;

ResponseNames names() {
    return {"resp_abc", R"({"instructions":null,"metadata":{"a":"b"},"store":true})"};
}

struct Frame {
    std::string name;
    std::string data;
    std::string bytes; // as it was written
};

std::vector<Frame> frames_in(std::string_view body) {
    std::vector<Frame> out;
    wire::SseDecoder decoder(1 << 20);
    wire::SseEvent event;
    for (std::string_view rest = body; decoder.next(rest, event); body = rest)
        out.push_back({std::string(event.name), std::string(event.data),
                       std::string(body.substr(0, body.size() - rest.size()))});
    return out;
}

// A client that takes frame after frame, and holds each to what came before it.
class Client {
public:
    void take(const Frame& frame) {
        const auto document = json::Document::parse(frame.data);
        ASSERT_TRUE(document) << frame.data;
        const Value data = document->root();
        ASSERT_EQ(text_of(data, "type"), frame.name);
        ASSERT_EQ(number(data, "sequence_number"), frames_) << frame.data;
        ASSERT_FALSE(over_) << frame.data;
        ++frames_;
        const std::string_view type = std::string_view(frame.name);
        if (frames_ <= 2) {
            ASSERT_EQ(type, frames_ == 1 ? "response.created" : "response.in_progress");
            ASSERT_EQ(text_of(*data.find("response"), "status"), "in_progress");
            ASSERT_EQ(data.find("response")->find("output")->size(), 0u);
        } else if (type == "response.output_item.added") begin_item(data);
        else if (type == "response.output_item.done") end_item(data);
        else if (type.ends_with("_part.added")) begin_part(data);
        else if (type.ends_with("_part.done")) end_part(data);
        else if (type.ends_with(".delta")) take_delta(data, type);
        else if (type.ends_with(".done")) take_text(data, type);
        else if (type == "error") failing_ = true;
        else end(data, type);
    }

    bool over() const { return over_; }
    std::int64_t frames() const { return frames_; }
    const std::string& final_object() const { return final_; }
    // What the items say, each as it stands in its last frame.
    Said said() const {
        Said out;
        for (const std::string& item : items_) {
            const auto document = json::Document::parse(item);
            say(out, document->root());
        }
        if (open_) {
            constexpr std::array<Said::Kind, 3> kinds{Said::Kind::text, Said::Kind::refusal,
                                                      Said::Kind::reasoning};
            if (kind_ != call) out.say(kinds[kind_], text_);
        }
        return out;
    }

    static void say(Said& out, const Value& item) {
        if (text_of(item, "type") == "function_call") {
            out.calls[static_cast<std::uint32_t>(out.calls.size())] = {
                std::string(text_of(item, "call_id")), std::string(text_of(item, "name")),
                std::string(text_of(item, "arguments"))};
            return;
        }
        const auto summary = item.find("summary");
        for (const Value part : summary ? *summary : *item.find("content"))
            if (text_of(part, "type") == "refusal")
                out.say(Said::Kind::refusal, text_of(part, "refusal"));
            else out.say(summary ? Said::Kind::reasoning : Said::Kind::text, text_of(part, "text"));
    }

private:
    enum ItemKind : std::uint8_t { message, refusal, reasoning, call };

    static std::int64_t number(const Value& object, std::string_view key) {
        const auto value = object.find(key);
        return value && value->is(Kind::integer) ? value->integer() : -1;
    }

    void begin_item(const Value& data) {
        ASSERT_FALSE(open_);
        const Value item = *data.find("item");
        ASSERT_EQ(number(data, "output_index"), static_cast<std::int64_t>(items_.size()));
        open_ = true;
        id_ = text_of(item, "id");
        ASSERT_TRUE(ids_.insert(id_).second) << id_;
        text_.clear();
        ended_text_ = false;
        const std::string_view type = text_of(item, "type");
        kind_ = type == "function_call" ? call : type == "reasoning" ? reasoning : message;
        if (kind_ == call) {
            ASSERT_EQ(text_of(item, "arguments"), "");
            call_ = text_of(item, "call_id");
        } else {
            ASSERT_EQ(item.find(kind_ == reasoning ? "summary" : "content")->size(), 0u);
        }
        if (kind_ != reasoning) ASSERT_EQ(text_of(item, "status"), "in_progress");
    }

    void is_placed(const Value& data) {
        ASSERT_TRUE(open_);
        ASSERT_EQ(text_of(data, "item_id"), id_);
        ASSERT_EQ(number(data, "output_index"), static_cast<std::int64_t>(items_.size()));
        if (kind_ != call)
            ASSERT_EQ(number(data, kind_ == reasoning ? "summary_index" : "content_index"), 0);
    }

    void begin_part(const Value& data) {
        is_placed(data);
        ASSERT_FALSE(part_open_);
        part_open_ = true;
        const Value part = *data.find("part");
        const std::string_view type = text_of(part, "type");
        if (type == "refusal") kind_ = refusal;
        ASSERT_EQ(type, kind_ == refusal     ? "refusal"
                        : kind_ == reasoning ? "summary_text"
                                             : "output_text");
        ASSERT_EQ(text_of(part, kind_ == refusal ? "refusal" : "text"), "");
    }

    std::string_view stem() const {
        constexpr std::array<std::string_view, 4> stems{"response.output_text", "response.refusal",
                                                        "response.reasoning_summary_text",
                                                        "response.function_call_arguments"};
        return stems[kind_];
    }

    void take_delta(const Value& data, std::string_view type) {
        is_placed(data);
        ASSERT_EQ(part_open_, kind_ != call);
        ASSERT_FALSE(ended_text_);
        ASSERT_EQ(type, std::string(stem()) + ".delta");
        ASSERT_NE(text_of(data, "delta"), "");
        text_ += text_of(data, "delta");
    }

    void take_text(const Value& data, std::string_view type) {
        is_placed(data);
        ASSERT_FALSE(std::exchange(ended_text_, true));
        ASSERT_EQ(type, std::string(stem()) + ".done");
        constexpr std::array<std::string_view, 4> keys{"text", "refusal", "text", "arguments"};
        ASSERT_EQ(text_of(data, keys[kind_]), text_);
    }

    void end_part(const Value& data) {
        is_placed(data);
        ASSERT_TRUE(ended_text_);
        ASSERT_TRUE(std::exchange(part_open_, false));
        ASSERT_EQ(text_of(*data.find("part"), kind_ == refusal ? "refusal" : "text"), text_);
    }

    void end_item(const Value& data) {
        ASSERT_TRUE(std::exchange(open_, false));
        ASSERT_TRUE(ended_text_ && !part_open_);
        const Value item = *data.find("item");
        ASSERT_EQ(number(data, "output_index"), static_cast<std::int64_t>(items_.size()));
        ASSERT_EQ(text_of(item, "id"), id_);
        if (kind_ == call) {
            ASSERT_EQ(text_of(item, "call_id"), call_);
            ASSERT_EQ(text_of(item, "arguments"), text_);
        } else {
            const Value parts = *item.find(kind_ == reasoning ? "summary" : "content");
            ASSERT_EQ(parts.size(), 1u);
            ASSERT_EQ(text_of(*parts.begin(), kind_ == refusal ? "refusal" : "text"), text_);
        }
        if (kind_ != reasoning) ASSERT_NE(text_of(item, "status"), "in_progress");
        items_.push_back(canonical(item.raw()));
    }

    void end(const Value& data, std::string_view type) {
        over_ = true;
        const Value response = *data.find("response");
        final_ = response.raw();
        ASSERT_EQ("response." + std::string(text_of(response, "status")), type);
        ASSERT_EQ(type == "response.failed", failing_);
        ASSERT_TRUE(failing_ || !open_);
        std::size_t position = 0;
        const Value output = *response.find("output");
        for (const Value item : output) {
            if (position < items_.size()) ASSERT_EQ(canonical(item.raw()), items_[position]);
            else ASSERT_TRUE(open_ && text_of(item, "id") == id_) << item.raw();
            ++position;
        }
        ASSERT_EQ(position, items_.size() + (open_ ? 1 : 0));
    }

    std::int64_t frames_ = 0;
    std::vector<std::string> items_; // canonical, those that are done
    std::set<std::string> ids_;
    std::string id_;
    std::string call_;
    std::string text_;
    std::string final_;
    ItemKind kind_ = message;
    bool open_ = false;
    bool part_open_ = false;
    bool ended_text_ = false;
    bool failing_ = false;
    bool over_ = false;
};

// What an object says, of the whole answer or of its beginning.
Said said_in(std::string_view object) {
    Said out;
    const auto document = json::Document::parse(object);
    const Value output = *document->root().find("output");
    for (const Value item : output) Client::say(out, item);
    return out;
}

// The frames of an answer, and of its end.
std::vector<Frame> frames_of(const Answer& answer, std::optional<std::int64_t> after) {
    return frames_in(streamed_by(*responses_stream_encoder(names(), after), answer));
}

void take_all(Client& client, const std::vector<Frame>& frames) {
    for (const Frame& frame : frames) {
        client.take(frame);
        if (testing::Test::HasFatalFailure()) return;
    }
}

// Of what was said, what an object tells in its output.
Said output_of(Said said) {
    said.model.clear();
    said.finish.clear();
    said.usage = {};
    return said;
}

void expect_usage(std::string_view object, const chat::Usage& usage) {
    const auto document = json::Document::parse(object);
    const Value told = *document->root().find("usage");
    EXPECT_EQ(count_of(told, "input_tokens"), usage.input.value());
    EXPECT_EQ(count_of(told, "output_tokens"), usage.output.value());
    EXPECT_EQ(count_of(told, "total_tokens"), usage.input.value() + usage.output.value());
    EXPECT_EQ(count_of(*told.find("input_tokens_details"), "cached_tokens"),
              usage.cached_input.value());
    EXPECT_EQ(count_of(*told.find("output_tokens_details"), "reasoning_tokens"),
              usage.reasoning.value());
}

TEST(ResponsesEncoder, a_stream_builds_what_was_said_of_items_that_begin_and_end) {
    for (std::uint64_t seed = 0; seed < cases; ++seed) {
        SCOPED_TRACE(seed);
        Chance chance(seed);
        const Answer answer = random_answer(chance, Arguments::may_be_cut);
        Client client;
        take_all(client, frames_of(answer, std::nullopt));
        ASSERT_FALSE(HasFatalFailure());
        ASSERT_TRUE(client.over());
        const Said said = said_by(answer);
        EXPECT_EQ(client.said().told(), output_of(said).told());
        const auto document = json::Document::parse(client.final_object());
        const Value object = document->root();
        const bool cut = said.finish == "length" || said.finish == "content_filter";
        EXPECT_EQ(text_of(object, "status"), cut ? "incomplete" : "completed");
        const Value details = *object.find("incomplete_details");
        EXPECT_EQ(text_of(details, "reason"), !cut                      ? ""
                                              : said.finish == "length" ? "max_output_tokens"
                                                                        : "content_filter");
        EXPECT_EQ(text_of(object, "model"), said.model);
        EXPECT_EQ(canonical(object.find("metadata")->raw()), R"({"a":"b"})");
        expect_usage(client.final_object(), said.usage);
        ASSERT_FALSE(HasFailure()) << client.final_object();
    }
}

TEST(ResponsesEncoder, a_call_that_a_limit_has_cut_is_not_completed) {
    for (std::uint64_t seed = 0; seed < cases; ++seed) {
        SCOPED_TRACE(seed);
        Chance chance(seed);
        const Answer answer = random_answer(chance, Arguments::may_be_cut);
        const auto encoder = responses_whole_encoder(names());
        for (const chat::ChatEvent& event : answer.events) encoder->event(event);
        const std::string whole = encoder->close(answer.closing, {});
        const auto document = json::Document::parse(whole);
        const Value output = *document->root().find("output");
        for (const Value item : output) {
            const std::string_view arguments = text_of(item, "arguments");
            if (arguments.empty() || json::Document::parse(arguments)) continue;
            ASSERT_EQ(text_of(item, "status"), "incomplete") << whole;
        }
    }
}

TEST(ResponsesEncoder, a_whole_answer_is_the_last_object_of_its_stream) {
    for (std::uint64_t seed = 0; seed < cases; ++seed) {
        SCOPED_TRACE(seed);
        Chance chance(seed);
        const Answer answer = random_answer(chance, Arguments::may_be_cut);
        Client client;
        take_all(client, frames_of(answer, std::nullopt));
        const auto encoder = responses_whole_encoder(names());
        for (const chat::ChatEvent& event : answer.events) encoder->event(event);
        const std::string whole = encoder->close(answer.closing, {});
        ASSERT_EQ(canonical(whole), canonical(client.final_object()));
        const auto document = json::Document::parse(whole);
        ASSERT_EQ("[" + output_items(whole) + "]", document->root().find("output")->raw());
    }
}

TEST(ResponsesEncoder, a_stream_is_told_again_from_any_frame_on_byte_for_byte) {
    for (std::uint64_t seed = 0; seed < cases; ++seed) {
        SCOPED_TRACE(seed);
        Chance chance(seed);
        const Answer answer = random_answer(chance, Arguments::may_be_cut);
        const std::vector<Frame> all = frames_of(answer, std::nullopt);
        const std::size_t after = chance.below(all.size() + 2);
        std::string rest;
        for (std::size_t i = after + 1; i < all.size(); ++i) rest += all[i].bytes;
        const auto encoder = responses_stream_encoder(names(), static_cast<std::int64_t>(after));
        ASSERT_EQ(streamed_by(*encoder, answer), rest) << "after " << after;
    }
}

TEST(ResponsesEncoder, a_stream_that_fails_says_what_came_before_and_why) {
    for (std::uint64_t seed = 0; seed < cases; ++seed) {
        SCOPED_TRACE(seed);
        Chance chance(seed);
        Answer answer = random_answer(chance, Arguments::may_be_cut);
        answer.events.resize(chance.below(answer.events.size()));
        const auto encoder = responses_stream_encoder(names(), std::nullopt);
        std::string body;
        for (const chat::ChatEvent& event : answer.events) encoder->event(event, body);
        encoder->fail(Error(Errc::stream_truncated, "It \"broke\"."), body);
        const std::vector<Frame> frames = frames_in(body);
        Client client;
        take_all(client, frames);
        ASSERT_FALSE(HasFatalFailure()) << body;
        ASSERT_TRUE(client.over());
        ASSERT_EQ(frames[frames.size() - 2].name, "error");
        for (const std::string& told : {frames[frames.size() - 2].data, client.final_object()}) {
            const auto document = json::Document::parse(told);
            const auto error = document->root().find("error");
            const Value holder = error ? *error : document->root();
            EXPECT_EQ(text_of(holder, "code"), "stream_truncated");
            EXPECT_EQ(text_of(holder, "message"), "It \"broke\".");
        }
        Said before = output_of(said_by(answer));
        const Said told = said_in(client.final_object());
        // A call that waits for its turn was not told yet.
        before.calls = told.calls;
        ASSERT_EQ(told.told(), before.told()) << body;
        before.calls = client.said().calls;
        ASSERT_EQ(client.said().told(), before.told()) << body;
    }
}

TEST(ResponsesEncoder, an_answer_that_is_being_made_is_told_as_far_as_it_is) {
    for (std::uint64_t seed = 0; seed < cases; ++seed) {
        SCOPED_TRACE(seed);
        Chance chance(seed);
        Answer answer = random_answer(chance, Arguments::may_be_cut);
        answer.events.resize(chance.below(answer.events.size()));
        const std::string object =
            response_object(names(), answer.events, ResponseState::in_progress, nullptr);
        const auto document = json::Document::parse(object);
        ASSERT_TRUE(document) << object;
        EXPECT_EQ(text_of(document->root(), "status"), "in_progress");
        Said before = output_of(said_by(answer));
        const Said told = said_in(object);
        before.calls = told.calls;
        ASSERT_EQ(told.told(), before.told()) << object;
    }
}

} // namespace
} // namespace weir::dialects
