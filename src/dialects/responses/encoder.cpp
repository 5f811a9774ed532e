#include "dialects/responses/encoder.h"

#include "dialects/answer_text.h"
#include "dialects/error_shape.h"
#include "dialects/usage_json.h"
#include "json/document.h"
#include "json/writer.h"
#include "wire/sse_encoder.h"

#include <array>
#include <fmt/core.h>
#include <limits>
#include <map>
#include <vector>

namespace weir::dialects {
namespace {

using chat::ChatEvent;
using json::Value;

template <class... Cases>
struct Match : Cases... {
    using Cases::operator()...;
};

struct Item {
    enum class Kind : std::uint8_t { message, refusal, reasoning, call } kind = Kind::call;
    std::string id;
    std::string text; // or the arguments of a call
    std::string call_id;
    std::string name;
    std::string status = "in_progress";

    // Its only part, where it has parts.
    void write_part(json::Writer& writer) const {
        writer.begin_object();
        if (kind == Kind::refusal) {
            writer.member("type", "refusal").member("refusal", text);
        } else if (kind == Kind::reasoning) {
            writer.member("type", "summary_text").member("text", text);
        } else {
            writer.member("type", "output_text").key("annotations").begin_array().end_array();
            writer.key("logprobs").begin_array().end_array().member("text", text);
        }
        writer.end_object();
    }
    enum class Depth : std::uint8_t { bare, whole };
    void write(json::Writer& writer, Depth depth) const {
        writer.begin_object().member("id", id);
        const bool whole = depth == Depth::whole;
        if (kind == Kind::call) {
            writer.member("type", "function_call").member("status", status);
            writer.member("arguments", whole ? std::string_view(text) : std::string_view());
            writer.member("call_id", call_id).member("name", name);
        } else if (kind == Kind::reasoning) {
            writer.member("type", "reasoning").key("summary").begin_array();
            if (whole) write_part(writer);
            writer.end_array();
        } else {
            writer.member("type", "message").member("status", status);
            writer.key("content").begin_array();
            if (whole) write_part(writer);
            writer.end_array().member("role", "assistant");
        }
        writer.end_object();
    }
};

class Response {
public:
    explicit Response(ResponseNames names) : names_(std::move(names)) {}

    void start(const chat::Started& e) {
        model_ = e.model;
        created_ = e.created;
    }
    Item& add(Item::Kind kind) {
        static constexpr std::array<std::string_view, 4> prefixes{"msg_", "msg_", "rs_", "fc_"};
        Item& item = items_.emplace_back();
        item.kind = kind;
        // Whoever sees the item's name finds its response.
        item.id = fmt::format("{}{}_{}", prefixes[static_cast<std::size_t>(kind)],
                              names_.id.substr(names_.id.find('_') + 1), items_.size() - 1);
        return item;
    }
    std::vector<Item>& items() { return items_; }
    std::int64_t last() const { return static_cast<std::int64_t>(items_.size()) - 1; }

    void write(json::Writer& writer, std::string_view status, const Closing* closing,
               const Error* error, std::string_view reason) const {
        writer.begin_object().member("id", names_.id).member("object", "response");
        writer.member("created_at", created_).member("status", status).key("error");
        if (error != nullptr) {
            writer.begin_object().member("type", "server_error");
            writer.member("code", name(error->code())).member("message", message_of(*error));
            writer.end_object();
        } else {
            writer.null();
        }
        writer.key("incomplete_details");
        if (status == "incomplete") {
            writer.begin_object();
            writer.member("reason", reason == "length" ? "max_output_tokens" : "content_filter");
            writer.end_object();
        } else {
            writer.null();
        }
        writer.member("model", model_).key("output").begin_array();
        for (const Item& item : items_) item.write(writer, Item::Depth::whole);
        writer.end_array();
        const auto echo = json::Document::parse(names_.echo);
        if (echo && echo->root().is(json::Kind::object))
            for (const Value member : echo->root()) writer.key(member.key()).raw(member.raw());
        writer.key("usage");
        if (closing == nullptr) {
            writer.null();
        } else {
            write_usage(writer, closing->usage);
            writer.key("x_weir");
            write_x_weir(writer, *closing);
        }
        writer.end_object();
    }

private:
    static void write_usage(json::Writer& writer, const chat::Usage& usage) {
        const std::int64_t in = usage.input.value();
        const std::int64_t out = usage.output.value();
        writer.begin_object().member("input_tokens", in).key("input_tokens_details");
        writer.begin_object().member("cached_tokens", usage.cached_input.value()).end_object();
        writer.member("output_tokens", out).key("output_tokens_details").begin_object();
        writer.member("reasoning_tokens", usage.reasoning.value()).end_object();
        writer.member("total_tokens", in + out).end_object();
    }

    ResponseNames names_;
    std::string model_;
    std::int64_t created_ = 0;
    std::vector<Item> items_;
};

class ResponsesStream final : public StreamEncoder {
public:
    ResponsesStream(ResponseNames names, std::optional<std::int64_t> after)
        : response_(std::move(names)), after_(after) {}

    void event(const ChatEvent& event, std::string& out) override {
        std::visit(Match{
                       [&](const chat::Started& e) {
                           response_.start(e);
                           ensure_started(out);
                       },
                       [&](const chat::TextDelta& e) {
                           if (e.choice == 0) text(Item::Kind::message, e.text, out);
                       },
                       [&](const chat::ReasoningDelta& e) {
                           if (e.choice == 0) text(Item::Kind::reasoning, e.text, out);
                       },
                       [&](const chat::RefusalDelta& e) {
                           if (e.choice == 0) text(Item::Kind::refusal, e.text, out);
                       },
                       [&](const chat::ToolCallDelta& e) {
                           if (e.choice == 0) call(e, out);
                       },
                       [&](const chat::OtherDelta&) {},
                       [&](const chat::ChoiceFinished& e) {
                           if (e.choice == 0) reason_ = e.reason;
                       },
                       [&](const chat::UsageReport&) {},
                   },
                   event);
    }

    void close(const Closing& closing, std::string& out) override {
        ensure_started(out);
        const bool cut = reason_ == "length" || reason_ == "content_filter";
        const std::string_view status = cut ? "incomplete" : "completed";
        // Which of the calls was cut is not known where they came in turns.
        end_item(cut ? "incomplete" : "completed", out);
        flush_calls(cut ? "incomplete" : "completed", out);
        frame(cut ? "response.incomplete" : "response.completed", out, [&](json::Writer& writer) {
            writer.key("response");
            response_.write(writer, status, &closing, nullptr, reason_);
        });
    }

    void fail(const Error& error, std::string& out) override {
        ensure_started(out);
        frame("error", out, [&](json::Writer& writer) {
            writer.member("code", name(error.code())).member("message", message_of(error));
            writer.key("param").null();
        });
        end_item_silently();
        frame("response.failed", out, [&](json::Writer& writer) {
            writer.key("response");
            response_.write(writer, "failed", nullptr, &error, reason_);
        });
    }

    const Response& response() const { return response_; }
    std::string_view reason() const { return reason_; }

private:
    template <class Body>
    void frame(std::string_view type, std::string& out, Body body) {
        const std::int64_t number = sequence_++;
        if (after_ && number <= *after_) return;
        std::string data;
        json::Writer writer(data);
        writer.begin_object().member("type", type);
        body(writer);
        writer.member("sequence_number", number).end_object();
        wire::append_event(out, type, data);
    }

    void ensure_started(std::string& out) {
        if (started_) return;
        started_ = true;
        for (const std::string_view type : {"response.created", "response.in_progress"})
            frame(type, out, [&](json::Writer& writer) {
                writer.key("response");
                response_.write(writer, "in_progress", nullptr, nullptr, {});
            });
    }

    Item& item() { return response_.items().back(); }

    void place(json::Writer& writer) {
        writer.member("item_id", item().id).member("output_index", response_.last());
        writer.member(item().kind == Item::Kind::reasoning ? "summary_index" : "content_index", 0);
    }

    void begin_item(Item::Kind kind, std::string& out, std::string_view call_id = {},
                    std::string_view name = {}) {
        ensure_started(out);
        end_item("completed", out);
        Item& made = response_.add(kind);
        made.call_id = call_id;
        made.name = name;
        open_ = true;
        frame("response.output_item.added", out, [&](json::Writer& writer) {
            writer.member("output_index", response_.last()).key("item");
            item().write(writer, Item::Depth::bare);
        });
        if (kind == Item::Kind::call) return;
        frame(kind == Item::Kind::reasoning ? "response.reasoning_summary_part.added"
                                            : "response.content_part.added",
              out, [&](json::Writer& writer) {
                  place(writer);
                  writer.key("part");
                  item().write_part(writer);
              });
    }

    void text(Item::Kind kind, std::string_view text, std::string& out) {
        if (text.empty()) return;
        if (!open_ || item().kind != kind) begin_item(kind, out);
        item().text += text;
        const std::string_view type = kind == Item::Kind::message ? "response.output_text.delta"
                                      : kind == Item::Kind::reasoning
                                          ? "response.reasoning_summary_text.delta"
                                          : "response.refusal.delta";
        frame(type, out, [&](json::Writer& writer) {
            place(writer);
            writer.member("delta", text);
            if (kind == Item::Kind::message) writer.key("logprobs").begin_array().end_array();
        });
    }

    // One item is open at a time, and calls may come in turns: the one that is open goes on, the
    // others wait until it cannot go on any more.
    void call(const chat::ToolCallDelta& e, std::string& out) {
        const bool call_is_open = open_ && item().kind == Item::Kind::call;
        if ((call_is_open && e.call != call_) || waiting_.contains(e.call)) {
            Item& waits = waiting_[e.call];
            waits.call_id += e.id();
            waits.name += e.name();
            waits.text += e.arguments;
            return;
        }
        if (!call_is_open) {
            call_ = e.call;
            begin_item(Item::Kind::call, out, e.id(), e.name());
        }
        arguments(e.arguments, out);
    }

    void arguments(std::string_view piece, std::string& out) {
        if (piece.empty()) return;
        item().text += piece;
        frame("response.function_call_arguments.delta", out, [&](json::Writer& writer) {
            writer.member("item_id", item().id).member("output_index", response_.last());
            writer.member("delta", piece);
        });
    }

    void flush_calls(std::string_view status, std::string& out) {
        for (const auto& [number, call] : waiting_) {
            begin_item(Item::Kind::call, out, call.call_id, call.name);
            arguments(call.text, out);
            end_item(status, out);
        }
        waiting_.clear();
    }

    void end_item_silently() {
        if (std::exchange(open_, false)) item().status = "incomplete";
    }

    void end_item(std::string_view status, std::string& out) {
        if (!std::exchange(open_, false)) return;
        Item& done = item();
        done.status = status;
        if (done.kind == Item::Kind::call) {
            frame("response.function_call_arguments.done", out, [&](json::Writer& writer) {
                writer.member("item_id", done.id).member("output_index", response_.last());
                writer.member("arguments", done.text).member("name", done.name);
            });
        } else {
            end_part(done, out);
        }
        frame("response.output_item.done", out, [&](json::Writer& writer) {
            writer.member("output_index", response_.last()).key("item");
            done.write(writer, Item::Depth::whole);
        });
    }

    void end_part(const Item& done, std::string& out) {
        const bool thought = done.kind == Item::Kind::reasoning;
        const std::string_view type = thought ? "response.reasoning_summary_text.done"
                                      : done.kind == Item::Kind::message
                                          ? "response.output_text.done"
                                          : "response.refusal.done";
        frame(type, out, [&](json::Writer& writer) {
            place(writer);
            writer.member(done.kind == Item::Kind::refusal ? "refusal" : "text", done.text);
            if (done.kind == Item::Kind::message) writer.key("logprobs").begin_array().end_array();
        });
        frame(thought ? "response.reasoning_summary_part.done" : "response.content_part.done", out,
              [&](json::Writer& writer) {
                  place(writer);
                  writer.key("part");
                  done.write_part(writer);
              });
    }

    Response response_;
    std::optional<std::int64_t> after_;
    std::int64_t sequence_ = 0;
    std::string reason_;
    std::map<std::uint32_t, Item> waiting_;
    std::uint32_t call_ = 0; // the one that is open
    bool open_ = false;
    bool started_ = false;
};

// The same events, of which only the last one's object is told.
class ResponsesWhole final : public ResponseDraft {
public:
    explicit ResponsesWhole(ResponseNames names)
        : stream_(std::move(names), std::numeric_limits<std::int64_t>::max()) {}

    void event(const ChatEvent& event) override { stream_.event(event, unsaid_); }

    std::string close(const Closing& closing, const std::function<std::string()>&) override {
        stream_.close(closing, unsaid_);
        const bool cut = stream_.reason() == "length" || stream_.reason() == "content_filter";
        std::string out;
        json::Writer writer(out);
        stream_.response().write(writer, cut ? "incomplete" : "completed", &closing, nullptr,
                                 stream_.reason());
        return out;
    }

    std::string so_far(ResponseState state, const Error* error) const override {
        static constexpr std::array<std::string_view, 4> states{"queued", "in_progress",
                                                                "cancelled", "failed"};
        std::string out;
        json::Writer writer(out);
        stream_.response().write(writer, states[static_cast<std::size_t>(state)], nullptr, error,
                                 {});
        return out;
    }

private:
    ResponsesStream stream_;
    std::string unsaid_;
};

} // namespace

std::unique_ptr<StreamEncoder> responses_stream_encoder(ResponseNames names,
                                                        std::optional<std::int64_t> after) {
    return std::make_unique<ResponsesStream>(std::move(names), after);
}

std::unique_ptr<ResponseDraft> responses_whole_encoder(ResponseNames names) {
    return std::make_unique<ResponsesWhole>(std::move(names));
}

std::string response_object(ResponseNames names, const std::vector<ChatEvent>& so_far,
                            ResponseState state, const Error* error) {
    ResponsesWhole draft(std::move(names));
    for (const ChatEvent& event : so_far) draft.event(event);
    return draft.so_far(state, error);
}

std::string output_items(std::string_view response) {
    const auto document = json::Document::parse(response);
    const auto output = document && document->root().is(json::Kind::object)
                            ? document->root().find("output")
                            : std::nullopt;
    if (!output || !output->is(json::Kind::array)) return {};
    const std::string_view raw = output->raw();
    return std::string(raw.substr(1, raw.size() - 2));
}

} // namespace weir::dialects
