// allow(orphan): the OpenAI half of dialects/answer_encoder.h.

#include "dialects/answer_encoder.h"
#include "dialects/error_shape.h"
#include "dialects/merged_members.h"
#include "dialects/usage_json.h"
#include "json/writer.h"
#include "wire/sse_encoder.h"

#include <map>

namespace weir::dialects {
namespace {

using chat::ChatEvent;
constexpr auto mine = chat::Native::openai;

template <class... Cases>
struct Match : Cases... {
    using Cases::operator()...;
};

void append_members(std::string& out, std::string_view members) {
    if (members.empty()) return;
    out.push_back(',');
    out += members;
}

void append_number(std::string& out, std::int64_t number) { json::Writer(out).value(number); }

// One choice's delta in a chunk, built by hand: it is written for every token.
class OpenAiStream final : public StreamEncoder {
public:
    OpenAiStream(chat::UsageWish usage, std::string fallback_id)
        : usage_(usage), id_(std::move(fallback_id)) {}

    void event(const ChatEvent& event, std::string& frames) override {
        std::visit(Match{
                       [&](const chat::Started& e) { start(e, frames); },
                       [&](const chat::TextDelta& e) {
                           text("content", e.choice, e.text, e.extensions, frames);
                       },
                       [&](const chat::ReasoningDelta& e) {
                           text(e.field, e.choice, e.text, e.extensions, frames);
                       },
                       [&](const chat::RefusalDelta& e) {
                           text("refusal", e.choice, e.text, e.extensions, frames);
                       },
                       [&](const chat::ToolCallDelta& e) { call(e, frames); },
                       [&](const chat::OtherDelta& e) { other(e, frames); },
                       [&](const chat::ChoiceFinished& e) { finish(e, frames); },
                       [&](const chat::UsageReport&) {}, // it comes with close()
                   },
                   event);
    }

    void close(const Closing& closing, std::string& frames) override {
        if (usage_ == chat::UsageWish::include) {
            open_chunk(frames);
            frames += ",\"choices\":[],\"usage\":";
            json::Writer writer(frames);
            write_usage(writer, closing);
            frames += ",\"x_weir\":";
            json::Writer x_weir(frames);
            write_x_weir(x_weir, closing);
            frames += "}\n\n";
        }
        frames += "data: [DONE]\n\n";
    }

    void fail(const Error& error, std::string& frames) override {
        wire::append_event(frames, "", error_body(error, Shape::openai, ""));
    }

private:
    // "data: {" and the members that every chunk begins with, up to before ",\"choices\"".
    void open_chunk(std::string& out) {
        if (head_.empty()) {
            head_ = "data: {\"id\":";
            json::append_quoted(head_, id_);
            head_ += ",\"object\":\"chat.completion.chunk\",\"created\":";
            append_number(head_, created_);
            head_ += ",\"model\":";
            json::append_quoted(head_, model_);
            head_.shrink_to_fit();
            std::string().swap(id_);
            std::string().swap(model_);
        }
        out += head_;
    }

    void open_delta(std::string& out, std::uint32_t choice, const chat::Extensions& extensions) {
        open_chunk(out);
        append_members(out, extensions.chunk(mine));
        out += ",\"choices\":[{\"index\":";
        append_number(out, choice);
        append_members(out, extensions.choice(mine));
        out += ",\"delta\":{";
    }

    static void close_delta(std::string& out, std::string_view extensions, bool empty_so_far) {
        if (!extensions.empty()) {
            if (!empty_so_far) out.push_back(',');
            out += extensions;
        }
        out += "},\"finish_reason\":null}]}\n\n";
    }

    void start(const chat::Started& e, std::string& out) {
        if (!e.id.empty()) id_ = e.id;
        model_ = e.model;
        created_ = e.created;
        head_.clear();
        open_delta(out, 0, e.extensions);
        out += "\"role\":\"assistant\",\"content\":\"\"";
        close_delta(out, e.extensions.delta(mine), false);
    }

    void text(std::string_view field, std::uint32_t choice, std::string_view text,
              const chat::Extensions& extensions, std::string& out) {
        open_delta(out, choice, extensions);
        json::append_quoted(out, field);
        out.push_back(':');
        json::append_quoted(out, text);
        close_delta(out, extensions.delta(mine), false);
    }

    void call(const chat::ToolCallDelta& e, std::string& out) {
        open_delta(out, e.choice, {});
        out += "\"tool_calls\":[";
        json::Writer writer(out);
        writer.begin_object().member("index", std::int64_t{e.call});
        // The first piece says what it is; the others only go on.
        if (!e.id().empty()) writer.member("id", e.id()).member("type", "function");
        writer.key("function").begin_object();
        if (!e.name().empty()) writer.member("name", e.name());
        writer.member("arguments", e.arguments).end_object();
        append_members(out, e.extensions());
        out += "}]";
        close_delta(out, "", false);
    }

    void other(const chat::OtherDelta& e, std::string& out) {
        open_delta(out, e.choice, e.extensions);
        close_delta(out, e.extensions.delta(mine), true);
    }

    void finish(const chat::ChoiceFinished& e, std::string& out) {
        open_delta(out, e.choice, e.extensions);
        out += e.extensions.delta(mine);
        out += "},\"finish_reason\":";
        json::append_quoted(out, e.reason);
        out += "}]}\n\n";
    }

    chat::UsageWish usage_;
    std::string id_;
    std::string model_;
    std::int64_t created_ = 0;
    std::string head_;
};

struct Call {
    std::string id;
    std::string name;
    std::string arguments;
    MergedMembers extensions;
};

struct Choice {
    std::string text;
    std::string reasoning;
    std::string reasoning_field;
    std::string refusal;
    std::string reason;
    std::map<std::uint32_t, Call> calls;
    MergedMembers message_extensions;
    MergedMembers extensions;
    bool has_text = false;
};

class OpenAiWhole final : public WholeEncoder {
public:
    explicit OpenAiWhole(std::string fallback_id) : id_(std::move(fallback_id)) {}

    void event(const ChatEvent& event) override {
        std::visit(
            Match{
                [&](const chat::Started& e) {
                    if (!e.id.empty()) id_ = e.id;
                    model_ = e.model;
                    created_ = e.created;
                    extensions_.add(e.extensions.chunk(mine));
                },
                [&](const chat::TextDelta& e) {
                    Choice& choice = at(e.choice, e.extensions);
                    choice.text += e.text;
                    choice.has_text = true;
                },
                [&](const chat::ReasoningDelta& e) {
                    Choice& choice = at(e.choice, e.extensions);
                    choice.reasoning += e.text;
                    choice.reasoning_field = e.field;
                },
                [&](const chat::RefusalDelta& e) { at(e.choice, e.extensions).refusal += e.text; },
                [&](const chat::ToolCallDelta& e) { add_call(e); },
                [&](const chat::OtherDelta& e) { at(e.choice, e.extensions); },
                [&](const chat::ChoiceFinished& e) {
                    at(e.choice, e.extensions).reason = e.reason;
                },
                [&](const chat::UsageReport&) {},
            },
            event);
    }

    std::string close(const Closing& closing, const std::function<std::string()>&) override {
        std::string out;
        std::size_t size = 512;
        for (const auto& [index, choice] : choices_)
            size += choice.text.size() + choice.text.size() / 8 + choice.reasoning.size();
        out.reserve(size);
        json::Writer writer(out);
        writer.begin_object().member("id", id_).member("object", "chat.completion");
        writer.member("created", created_).member("model", model_).key("choices").begin_array();
        for (const auto& [index, choice] : choices_) write_choice(writer, out, index, choice);
        writer.end_array().key("usage");
        write_usage(writer, closing);
        extensions_.append_to(out);
        out.push_back('}');
        return out;
    }

private:
    Choice& at(std::uint32_t index, const chat::Extensions& extensions) {
        Choice& choice = choices_[index];
        extensions_.add(extensions.chunk(mine));
        choice.extensions.add(extensions.choice(mine));
        choice.message_extensions.add(extensions.delta(mine));
        return choice;
    }

    void add_call(const chat::ToolCallDelta& e) {
        Call& call = choices_[e.choice].calls[e.call];
        call.id += e.id();
        call.name += e.name();
        call.arguments += e.arguments;
        call.extensions.add(e.extensions());
    }

    static void write_choice(json::Writer& writer, std::string& out, std::uint32_t index,
                             const Choice& choice) {
        writer.begin_object().member("index", std::int64_t{index}).key("message").begin_object();
        writer.member("role", "assistant").key("content");
        if (choice.has_text || (choice.calls.empty() && choice.refusal.empty()))
            writer.value(choice.text);
        else writer.null();
        if (!choice.reasoning.empty()) writer.member(choice.reasoning_field, choice.reasoning);
        writer.key("refusal");
        if (choice.refusal.empty()) writer.null();
        else writer.value(choice.refusal);
        if (!choice.calls.empty()) {
            writer.key("tool_calls").begin_array();
            for (const auto& [number, call] : choice.calls) {
                writer.begin_object().member("id", call.id).member("type", "function");
                writer.key("function").begin_object().member("name", call.name);
                writer.member("arguments", call.arguments).end_object();
                call.extensions.append_to(out);
                writer.end_object();
            }
            writer.end_array();
        }
        choice.message_extensions.append_to(out);
        writer.end_object().member("finish_reason", choice.reason);
        choice.extensions.append_to(out);
        writer.end_object();
    }

    std::string id_;
    std::string model_;
    std::int64_t created_ = 0;
    MergedMembers extensions_;
    std::map<std::uint32_t, Choice> choices_;
};

} // namespace

std::unique_ptr<StreamEncoder> openai_stream_encoder(chat::UsageWish usage,
                                                     std::string fallback_id) {
    return std::make_unique<OpenAiStream>(usage, std::move(fallback_id));
}

std::unique_ptr<WholeEncoder> openai_whole_encoder(std::string fallback_id) {
    return std::make_unique<OpenAiWhole>(std::move(fallback_id));
}

} // namespace weir::dialects
