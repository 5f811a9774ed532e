// What is said in one dialect and read again means the same: requests, streams and whole answers,
// told at random. A failure names its seed.

#include "dialects/round_trip_test.h"

#include "dialects/anthropic/answer.h"
#include "dialects/anthropic/request_in.h"
#include "dialects/anthropic/request_out.h"
#include "dialects/openai/answer.h"
#include "dialects/translation.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

namespace weir::dialects {
namespace {

using namespace round_trip;
using json::Kind;
using json::Value;

constexpr std::uint64_t cases = 2'000;

// --- Requests.

// Tells a chat request of what Anthropic's Messages API has words for, too.
class RequestTeller {
public:
    explicit RequestTeller(Chance& chance) : chance_(chance), writer_(out_) {}

    std::string tell() {
        writer_.begin_object().member("model", "fast");
        tell_messages();
        if (tools_ > 0) tell_tools();
        tell_settings();
        writer_.end_object();
        return std::move(out_);
    }
    // Whether it says how to choose among words, which the latest models take no more.
    bool samples() const { return samples_; }

private:
    json::Writer& message(std::string_view role) {
        return writer_.begin_object().member("role", role).key("content");
    }

    // A text, or a list of one or two.
    void tell_text(std::size_t texts_max) {
        if (chance_.one_in(2)) {
            writer_.value(random_text(chance_));
            return;
        }
        writer_.begin_array();
        for (std::size_t n = chance_.between(1, texts_max); n > 0; --n) tell_text_part();
        writer_.end_array();
    }
    void tell_text_part() {
        writer_.begin_object().member("type", "text").member("text", random_text(chance_));
        writer_.end_object();
    }

    void tell_messages() {
        tools_ = chance_.one_in(3) ? 0 : chance_.between(1, 3);
        writer_.key("messages").begin_array();
        for (std::size_t n = chance_.below(3); n > 0; --n) {
            message(chance_.one_in(2) ? "system" : "developer");
            tell_text(2);
            writer_.end_object();
        }
        tell_user();
        for (std::size_t turns = chance_.below(4); turns > 0; --turns) {
            if (tools_ > 0 && chance_.one_in(2)) tell_calls();
            else if (chance_.one_in(2)) {
                message("assistant");
                tell_text(1);
                writer_.end_object();
            }
            if (chance_.one_in(2)) tell_user();
        }
        writer_.end_array();
    }

    void tell_user() {
        answers_a_call_ = false;
        message("user");
        if (chance_.one_in(2)) {
            tell_text(2);
        } else {
            writer_.begin_array();
            for (std::size_t n = chance_.between(1, 4); n > 0; --n) {
                const std::size_t kind = chance_.below(4);
                if (kind == 0) tell_image();
                else if (kind == 1) tell_file();
                else tell_text_part();
            }
            writer_.end_array();
        }
        writer_.end_object();
    }

    void tell_image() {
        static constexpr std::array<std::string_view, 4> urls{
            "data:image/png;base64,iVBORw0KGgo=", "data:image/jpeg;base64,/9j/4AAQ",
            "https://example.org/a.png?b=c&d=%20", "http://example.org/\xc3\xa9"};
        writer_.begin_object().member("type", "image_url").key("image_url").begin_object();
        writer_.member("url", chance_.one_of(urls)).end_object().end_object();
    }
    void tell_file() {
        writer_.begin_object().member("type", "file").key("file").begin_object();
        writer_.member("filename", random_text(chance_) + ".pdf");
        writer_.member("file_data", "data:application/pdf;base64,JVBERi0=");
        writer_.end_object().end_object();
    }

    // An assistant's calls, and at once a result of each.
    void tell_calls() {
        const std::size_t first = calls_;
        calls_ += chance_.between(1, 3);
        message("assistant");
        if (chance_.one_in(2)) writer_.null();
        else writer_.value(random_text(chance_));
        writer_.key("tool_calls").begin_array();
        for (std::size_t n = first; n < calls_; ++n) {
            writer_.begin_object().member("id", id_of(n)).member("type", "function");
            writer_.key("function").begin_object().member("name", tool(chance_.below(tools_)));
            writer_.member("arguments", chance_.one_in(8) ? "" : random_object(chance_));
            writer_.end_object().end_object();
        }
        writer_.end_array().end_object();
        for (std::size_t n = calls_; n-- > first;) {
            message("tool");
            tell_text(2);
            writer_.member("tool_call_id", id_of(n)).end_object();
        }
        answers_a_call_ = true;
    }
    static std::string id_of(std::size_t call) { return "call_A-" + std::to_string(call); }
    static std::string tool(std::size_t number) { return "tool_" + std::to_string(number); }

    void tell_tools() {
        writer_.key("tools").begin_array();
        for (std::size_t n = 0; n < tools_; ++n) {
            writer_.begin_object().member("type", "function").key("function").begin_object();
            writer_.member("name", tool(n));
            if (chance_.one_in(2)) writer_.member("description", random_text(chance_));
            if (!chance_.one_in(4)) writer_.key("parameters").raw(random_object(chance_));
            if (chance_.one_in(3)) writer_.key("strict").boolean(bool(chance_.one_in(2)));
            writer_.end_object().end_object();
        }
        writer_.end_array();
        const std::size_t choice = chance_.below(5);
        forced_ = choice >= 3;
        if (choice == 1) writer_.member("tool_choice", "auto");
        if (choice == 2) writer_.member("tool_choice", "none");
        if (choice == 3) writer_.member("tool_choice", "required");
        if (choice == 4) {
            writer_.key("tool_choice").begin_object().member("type", "function");
            writer_.key("function").begin_object().member("name", tool(0));
            writer_.end_object().end_object();
        }
        // Who calls nothing does not call two at a time.
        if (choice != 2 && chance_.one_in(3))
            writer_.key("parallel_tool_calls").boolean(bool(chance_.one_in(3)));
    }

    void tell_settings() {
        // Thought takes room, and excludes much.
        const bool may_think = !forced_ && !answers_a_call_;
        const bool thinks = may_think && chance_.one_in(3);
        if (thinks || !chance_.one_in(3))
            writer_.member(chance_.one_in(2) ? "max_tokens" : "max_completion_tokens",
                           static_cast<std::int64_t>(chance_.between(thinks ? 20'000 : 1, 99'999)));
        if (chance_.one_in(4)) writer_.member("stop", random_text(chance_));
        else if (chance_.one_in(4))
            writer_.key("stop").begin_array().value("a").value(random_text(chance_)).end_array();
        if (chance_.one_in(4)) writer_.member("user", random_text(chance_));
        if (chance_.one_in(4)) tell_format();
        static constexpr std::array<std::string_view, 3> efforts{"low", "medium", "high"};
        if (thinks) {
            writer_.member("reasoning_effort", chance_.one_of(efforts));
            return;
        }
        samples_ = chance_.one_in(3);
        if (!samples_) return;
        writer_.key("temperature").raw(chance_.one_in(2) ? "0" : "0.70");
        if (chance_.one_in(2)) writer_.key("top_p").raw(chance_.one_in(2) ? "1" : "9e-1");
    }

    void tell_format() {
        writer_.key("response_format").begin_object();
        if (chance_.one_in(3)) {
            writer_.member("type", "text").end_object();
            return;
        }
        writer_.member("type", "json_schema").key("json_schema").begin_object();
        writer_.member("name", "shape").key("schema").raw(random_object(chance_));
        writer_.key("strict").boolean(true).end_object().end_object();
    }

    Chance& chance_;
    std::string out_;
    json::Writer writer_;
    std::size_t tools_ = 0;
    std::size_t calls_ = 0;
    bool forced_ = false;
    bool answers_a_call_ = false;
    bool samples_ = false;
};

// What a request asks, whatever the form: one line for each thing that a model is shown or told.
class Meaning {
public:
    explicit Meaning(const chat::ChatRequest& request) : fields_(request) {
        const Value messages = *fields_.find("messages");
        for (const Value message : messages) read_message(message);
        end_assistant();
        line("system", system_);
        if (const auto tools = fields_.find("tools"))
            for (const Value tool : *tools) read_tool(*tool.find("function"));
        read_choice();
        if (const auto stop = fields_.find("stop"); stop && stop->is(Kind::string))
            line("stop", stop->text());
        else if (stop)
            for (const Value one : *stop) line("stop", one.text());
        line("user", text("user"));
        line("effort", text("reasoning_effort"));
        line("temperature", raw("temperature"));
        line("top_p", raw("top_p"));
        const auto format = fields_.find("response_format");
        const auto schema = format ? format->find("json_schema") : std::nullopt;
        if (schema) line("schema", canonical(schema->find("schema")->raw()));
    }
    const std::string& lines() const { return lines_; }

private:
    void line(std::string_view what, std::string_view text) {
        if (text.empty()) return;
        (lines_ += what) += ' ';
        json::append_quoted(lines_, text);
        lines_ += '\n';
    }
    std::string_view text(std::string_view key) const {
        const auto value = fields_.find(key);
        return value ? value->text() : std::string_view();
    }
    std::string_view raw(std::string_view key) const {
        const auto value = fields_.find(key);
        return value ? value->raw() : std::string_view();
    }

    void read_message(const Value& message) {
        const std::string_view role = text_of(message, "role");
        const Value content = *message.find("content");
        if (role != "assistant") end_assistant();
        if (role == "system" || role == "developer") {
            if (!system_.empty()) system_ += "\n\n";
            system_ += plain_text(content);
        } else if (role == "assistant") {
            said_ += plain_text(content);
            read_calls(message);
        } else if (role == "tool") {
            // Empty or not, it is there.
            line("result",
                 std::string(text_of(message, "tool_call_id")) + " " + plain_text(content));
        } else if (content.is(Kind::string)) {
            line("asked", content.text());
        } else {
            for (const Value part : content) read_part(part);
        }
    }

    void read_part(const Value& part) {
        const auto image = part.find("image_url");
        const auto file = part.find("file");
        if (image) line("image", text_of(*image, "url"));
        else if (file)
            line("file", std::string(text_of(*file, "filename")) + " " +
                             std::string(text_of(*file, "file_data")));
        else line("asked", text_of(part, "text"));
    }

    void read_calls(const Value& message) {
        const auto calls = message.find("tool_calls");
        if (!calls) return;
        for (const Value call : *calls) {
            const Value function = *call.find("function");
            const std::string_view arguments = text_of(function, "arguments");
            (called_ += "call ") += text_of(call, "id");
            (called_ += ' ') += text_of(function, "name");
            (called_ += ' ') += arguments.empty() ? "{}" : canonical(arguments);
            called_ += '\n';
        }
    }

    // What an assistant says in one turn is one text, and then its calls.
    void end_assistant() {
        line("said", said_);
        lines_ += called_;
        said_.clear();
        called_.clear();
    }

    void read_tool(const Value& function) {
        const auto parameters = function.find("parameters");
        const auto strict = function.find("strict");
        line("tool", text_of(function, "name"));
        line("about", text_of(function, "description"));
        line("takes", parameters ? canonical(parameters->raw()) : R"({"type":"object"})");
        if (strict && strict->boolean()) line("strict", "true");
    }

    void read_choice() {
        if (const auto choice = fields_.find("tool_choice")) {
            const auto function = choice->find("function");
            if (function) line("must call", text_of(*function, "name"));
            else if (choice->text() != "auto") line("calls", choice->text());
        }
        if (const auto together = fields_.find("parallel_tool_calls");
            together && !together->boolean())
            line("calls", "one at a time");
    }

    ChatFields fields_;
    std::string lines_;
    std::string system_;
    std::string said_;
    std::string called_;
};

TEST(RoundTrip, a_request_asks_the_same_in_anthropics_words) {
    for (std::uint64_t seed = 0; seed < cases; ++seed) {
        SCOPED_TRACE(seed);
        Chance chance(seed);
        RequestTeller teller(chance);
        const std::string body = teller.tell();
        const auto request = chat::parse(body);
        ASSERT_TRUE(request) << request.error().message() << body;
        Terms terms;
        terms.model =
            teller.samples() || chance.one_in(2) ? "claude-sonnet-4-5" : "claude-opus-4-7";
        terms.delivery = chance.one_in(2) ? chat::Delivery::streamed : chat::Delivery::whole;
        terms.max_output_tokens = 32'000;
        std::string messages;
        Dropped dropped;
        const auto encoded = encode_anthropic_request(*request, terms, messages, dropped);
        ASSERT_TRUE(encoded) << encoded.error().message() << body;
        EXPECT_EQ(dropped, Dropped());
        const auto again = parse_messages(messages);
        ASSERT_TRUE(again) << again.error().message() << messages;
        EXPECT_EQ(again->original()->untold, std::vector<std::string>());
        EXPECT_EQ(again->model(), terms.model);
        EXPECT_EQ(again->delivery(), terms.delivery);
        EXPECT_EQ(again->max_output_tokens(), request->max_output_tokens().value_or(32'000));
        ASSERT_EQ(Meaning(*again).lines(), Meaning(*request).lines()) << body << "\n" << messages;
        // From here on it is passed on as it is.
        std::string passed_on;
        ASSERT_TRUE(encode_anthropic_request(*again, terms, passed_on, dropped));
        ASSERT_EQ(canonical(passed_on), canonical(messages));
    }
}

// --- Answers.

// Anthropic's dialect has one word for a refusal and a text.
Said in_anthropics_words(const Said& said) {
    Said out = said;
    out.runs.clear();
    for (const Said::Run& run : said.runs)
        out.say(run.kind == Said::Kind::refusal ? Said::Kind::text : run.kind, run.text);
    return out;
}

// A whole answer of OpenAI's has one text of each kind.
Said in_kinds(const Said& said) {
    Said out = said;
    out.runs.clear();
    for (const auto kind : {Said::Kind::text, Said::Kind::reasoning, Said::Kind::refusal})
        for (const Said::Run& run : said.runs)
            if (run.kind == kind) out.say(kind, run.text);
    return out;
}

// The arguments of calls as values, in one form only.
Said in_values(Said said) {
    for (auto& [number, call] : said.calls)
        if (!call.arguments.empty()) call.arguments = canonical(call.arguments);
    return said;
}

// What a decoder makes of a body that comes in random pieces.
Result<Said> read_in_pieces(StreamDecoder& decoder, std::string_view body, Chance& chance) {
    std::vector<chat::ChatEvent> events;
    Said out;
    const std::size_t piece_max = chance.one_in(2) ? 8 : 600;
    while (!body.empty() && !decoder.done()) {
        const std::string piece(body.substr(0, chance.between(1, piece_max)));
        body.remove_prefix(piece.size());
        events.clear();
        WEIR_CHECK(decoder.feed(piece, events));
        for (const chat::ChatEvent& event : events) out.take(event);
    }
    return out;
}

TEST(RoundTrip, a_streamed_answer_says_the_same_in_anthropics_words) {
    for (std::uint64_t seed = 0; seed < cases; ++seed) {
        SCOPED_TRACE(seed);
        Chance chance(seed);
        const Answer answer = random_answer(chance, Arguments::may_be_cut);
        const auto encoder = anthropic_stream_encoder(chat::UsageWish::quiet, "fallback");
        const std::string body = streamed_by(*encoder, answer);
        AnthropicStreamDecoder decoder;
        const auto read = read_in_pieces(decoder, body, chance);
        ASSERT_TRUE(read) << read.error().detail() << body;
        EXPECT_TRUE(decoder.finished() && decoder.done());
        ASSERT_EQ(read->told(), in_anthropics_words(said_by(answer)).told()) << body;
    }
}

TEST(RoundTrip, a_streamed_answer_says_the_same_in_openais_words) {
    for (std::uint64_t seed = 0; seed < cases; ++seed) {
        SCOPED_TRACE(seed);
        Chance chance(seed);
        const Answer answer = random_answer(chance, Arguments::may_be_cut);
        const auto encoder = openai_stream_encoder(chat::UsageWish::include, "fallback");
        const std::string body = streamed_by(*encoder, answer);
        OpenAiStreamDecoder decoder;
        const auto read = read_in_pieces(decoder, body, chance);
        ASSERT_TRUE(read) << read.error().detail() << body;
        EXPECT_TRUE(decoder.finished() && decoder.done());
        ASSERT_EQ(read->told(), said_by(answer).told()) << body;
    }
}

std::string whole_by(WholeEncoder& encoder, const Answer& answer) {
    for (const chat::ChatEvent& event : answer.events) encoder.event(event);
    return encoder.close(answer.closing, {});
}

Result<Said> read_whole(Result<std::vector<chat::ChatEvent>> events) {
    WEIR_CHECK(events);
    Said out;
    for (const chat::ChatEvent& event : *events) out.take(event);
    return out;
}

TEST(RoundTrip, a_whole_answer_says_the_same_in_either_dialect) {
    for (std::uint64_t seed = 0; seed < cases; ++seed) {
        SCOPED_TRACE(seed);
        Chance chance(seed);
        const Answer answer = random_answer(chance, Arguments::whole);
        const Said said = in_values(said_by(answer));
        const std::string one = whole_by(*anthropic_whole_encoder("fallback"), answer);
        const auto read_one = read_whole(decode_anthropic_answer(one));
        ASSERT_TRUE(read_one) << read_one.error().detail() << one;
        ASSERT_EQ(in_values(*read_one).told(), in_anthropics_words(said).told()) << one;
        const std::string other = whole_by(*openai_whole_encoder("fallback"), answer);
        const auto read_other = read_whole(decode_openai_answer(other));
        ASSERT_TRUE(read_other) << read_other.error().detail() << other;
        ASSERT_EQ(in_kinds(in_values(*read_other)).told(), in_kinds(said).told()) << other;
    }
}

TEST(RoundTrip, a_stream_that_breaks_off_says_what_came_before_and_why) {
    for (std::uint64_t seed = 0; seed < cases; ++seed) {
        SCOPED_TRACE(seed);
        Chance chance(seed);
        Answer answer = random_answer(chance, Arguments::may_be_cut);
        answer.events.resize(chance.between(1, answer.events.size()));
        const bool anthropic = chance.one_in(2);
        const auto encoder = anthropic ? anthropic_stream_encoder(chat::UsageWish::quiet, "f")
                                       : openai_stream_encoder(chat::UsageWish::quiet, "f");
        std::string body;
        for (const chat::ChatEvent& event : answer.events) encoder->event(event, body);
        encoder->fail(Error(Errc::stream_truncated, "It \"broke\"."), body);
        std::unique_ptr<StreamDecoder> decoder;
        if (anthropic) decoder = std::make_unique<AnthropicStreamDecoder>();
        else decoder = std::make_unique<OpenAiStreamDecoder>();
        std::vector<chat::ChatEvent> events;
        const auto fed = decoder->feed(body, events);
        ASSERT_FALSE(fed);
        EXPECT_EQ(fed.error().code(), Errc::upstream_error);
        EXPECT_TRUE(fed.error().detail().contains("It \"broke\".")) << fed.error().detail();
        Said before = said_by(answer);
        before.usage = {};
        Said read;
        for (const chat::ChatEvent& event : events) read.take(event);
        // A call that waits for its turn was not told yet.
        if (anthropic) before.calls = read.calls;
        // The last event there tells how it ended.
        if (anthropic) before.finish.clear();
        ASSERT_EQ(read.told(), (anthropic ? in_anthropics_words(before) : before).told()) << body;
        EXPECT_FALSE(decoder->done());
    }
}

// --- What Anthropic says, for its own clients.

struct Frame {
    std::string name;
    std::string data; // canonical
};

std::vector<Frame> frames_in(std::string_view body) {
    std::vector<Frame> out;
    wire::SseDecoder decoder(1 << 20);
    wire::SseEvent event;
    while (decoder.next(body, event))
        out.push_back({std::string(event.name), canonical(event.data)});
    return out;
}

std::string read_file(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::stringstream out;
    out << in.rdbuf();
    return out.str();
}

// A piece of arguments that is empty says nothing, and "{}" no more: that a call takes none.
bool is_idle(const Frame& frame) {
    return frame.data.contains(R"("partial_json":"",)") ||
           frame.data.contains(R"("partial_json":"{}",)");
}

// What is made of a stream, told again.
std::string told_again(std::string_view body) {
    AnthropicStreamDecoder decoder;
    std::vector<chat::ChatEvent> events;
    const auto fed = decoder.feed(body, events);
    const auto encoder = anthropic_stream_encoder(chat::UsageWish::quiet, "fallback");
    std::string out;
    Closing closing;
    for (const chat::ChatEvent& event : events) {
        encoder->event(event, out);
        if (const auto* const report = std::get_if<chat::UsageReport>(&event)) {
            closing.usage_raw = report->raw;
            closing.usage_native = report->native;
        }
    }
    if (fed && decoder.finished()) encoder->close(closing, out);
    return out;
}

// Without what Weir says itself.
std::string without_counts(const Frame& frame) {
    if (frame.name != "message_delta") return frame.data;
    const auto document = json::Document::parse(frame.data);
    std::string out;
    json::Writer writer(out);
    writer.begin_object();
    for (const Value member : document->root())
        if (member.key() != "usage" && member.key() != "x_weir")
            writer.key(member.key()).raw(member.raw());
    writer.end_object();
    return out;
}

TEST(RoundTrip, what_anthropic_says_reaches_its_own_clients_as_it_was) {
    std::size_t seen = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(WEIR_DIALECTS "/fixtures/anthropic")) {
        if (entry.path().extension() != ".sse") continue;
        SCOPED_TRACE(entry.path().string());
        ++seen;
        const std::string body = read_file(entry.path());
        std::vector<Frame> sent = frames_in(body);
        std::erase_if(sent, [](const Frame& frame) {
            return frame.name == "ping" || frame.name == "error" || is_idle(frame);
        });
        std::vector<Frame> got = frames_in(told_again(body));
        std::erase_if(got, is_idle);
        for (std::size_t i = 0; i < std::max(sent.size(), got.size()); ++i) {
            const Frame nothing{"(nothing)", ""};
            const Frame& before = i < sent.size() ? sent[i] : nothing;
            const Frame& after = i < got.size() ? got[i] : nothing;
            EXPECT_EQ(after.name + " " + without_counts(after),
                      before.name + " " + without_counts(before));
        }
    }
    EXPECT_GE(seen, 26u);
}

TEST(RoundTrip, the_words_that_a_block_of_anthropics_begins_with_are_said_once) {
    const std::string body = R"(data: {"type":"message_start","message":{"id":"m","model":"x"}})"
                             "\n\n"
                             R"(data: {"type":"content_block_start","index":0,"content_block":)"
                             R"({"type":"thinking","thinking":"so","signature":""}})"
                             "\n\n"
                             R"(data: {"type":"content_block_stop","index":0})"
                             "\n\n"
                             R"(data: {"type":"content_block_start","index":1,"content_block":)"
                             R"({"type":"text","text":"Hel"}})"
                             "\n\n"
                             R"(data: {"type":"content_block_delta","index":1,"delta":)"
                             R"({"type":"text_delta","text":"lo"}})"
                             "\n\n";
    std::string words;
    for (const Frame& frame : frames_in(told_again(body))) {
        const auto document = json::Document::parse(frame.data);
        for (const std::string_view holder : {"content_block", "delta"})
            if (const auto part = document->root().find(holder))
                for (const std::string_view key : {"thinking", "text"})
                    words += text_of(*part, key);
    }
    EXPECT_EQ(words, "soHello");
}

} // namespace
} // namespace weir::dialects
