// allow(orphan): the Anthropic half of dialects/answer_encoder.h.

#include "dialects/answer_encoder.h"
#include "dialects/answer_text.h"
#include "dialects/error_shape.h"
#include "dialects/usage_json.h"
#include "json/document.h"
#include "json/writer.h"
#include "wire/sse_encoder.h"

#include <algorithm>
#include <fmt/core.h>
#include <map>
#include <vector>

namespace weir::dialects {
namespace {

using chat::ChatEvent;
using json::Kind;
using json::Value;
constexpr auto mine = chat::Native::anthropic;

template <class... Cases>
struct Match : Cases... {
    using Cases::operator()...;
};

std::string_view stop_reason_of(std::string_view reason) {
    if (reason == "length") return "max_tokens";
    if (reason == "tool_calls" || reason == "function_call") return "tool_use";
    if (reason == "content_filter") return "refusal";
    return "end_turn";
}

void write_anthropic_usage(json::Writer& writer, const Closing& closing) {
    if (!closing.usage_raw.empty() && closing.usage_native == mine) {
        writer.raw(closing.usage_raw);
        return;
    }
    const chat::Usage& usage = closing.usage;
    const std::int64_t cached = usage.cached_input.value();
    writer.begin_object().member("input_tokens", usage.input.value() - cached);
    writer.member("cache_creation_input_tokens", 0).member("cache_read_input_tokens", cached);
    writer.member("output_tokens", usage.output.value());
    if (const std::int64_t thought = usage.reasoning.value(); thought > 0)
        writer.key("output_tokens_details")
            .begin_object()
            .member("thinking_tokens", thought)
            .end_object();
    writer.end_object();
}

// As every event's name is. One that is not could end its line.
bool is_word(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
    });
}

std::string_view type_of(const Value& root) { return text_of(root, "type"); }

// What is told of an answer's end in the provider's own words, `"key":value` after a comma each,
// but for what Weir says itself.
void write_delta(json::Writer& writer, std::string_view raw, std::string_view reason) {
    const auto document = json::Document::parse(raw);
    const auto delta = document ? document->root().find("delta") : std::nullopt;
    writer.key("delta");
    if (delta && delta->is(Kind::object)) {
        writer.raw(one_line(delta->raw()));
        return;
    }
    writer.begin_object().member("stop_reason", stop_reason_of(reason));
    writer.key("stop_sequence").null().end_object();
}

class AnthropicStream final : public StreamEncoder {
public:
    explicit AnthropicStream(std::string fallback_id) : id_(std::move(fallback_id)) {}

    void event(const ChatEvent& event, std::string& out) override {
        std::visit(Match{
                       [&](const chat::Started& e) { start(e, out); },
                       [&](const chat::TextDelta& e) {
                           if (e.choice == 0) text(Open::text, e.text, e.extensions, out);
                       },
                       [&](const chat::ReasoningDelta& e) {
                           if (e.choice == 0) text(Open::thinking, e.text, e.extensions, out);
                       },
                       [&](const chat::RefusalDelta& e) {
                           if (e.choice == 0) text(Open::text, e.text, e.extensions, out);
                       },
                       [&](const chat::ToolCallDelta& e) {
                           if (e.choice == 0) call(e, out);
                       },
                       [&](const chat::OtherDelta& e) { other(e.extensions, out); },
                       [&](const chat::ChoiceFinished& e) {
                           if (e.choice != 0) return;
                           reason_ = e.reason;
                           finish_ = e.extensions;
                       },
                       [&](const chat::UsageReport&) {}, // it comes with close()
                   },
                   event);
    }

    void close(const Closing& closing, std::string& out) override {
        ensure_started(out);
        close_block(out);
        flush_calls(out);
        std::string data;
        json::Writer writer(data);
        writer.begin_object().member("type", "message_delta");
        write_delta(writer, finish_.chunk(mine), reason_);
        writer.key("usage");
        write_anthropic_usage(writer, closing);
        writer.key("x_weir");
        write_x_weir(writer, closing);
        writer.end_object();
        wire::append_event(out, "message_delta", data);
        wire::append_event(out, "message_stop", R"({"type":"message_stop"})");
    }

    void fail(const Error& error, std::string& out) override {
        wire::append_event(out, "error", error_body(error, Shape::anthropic, ""));
    }

    std::string_view heartbeat() const override {
        return "event: ping\ndata: {\"type\":\"ping\"}\n\n";
    }

private:
    // Which block is open. One that the provider began in this dialect is ended by it too.
    enum class Open : std::uint8_t { nothing, provided, text, thinking, call };
    struct Call {
        std::string id;
        std::string name;
        std::string arguments;
    };

    void start(const chat::Started& e, std::string& out) {
        if (!e.id.empty()) id_ = e.id;
        model_ = e.model;
        if (const std::string_view raw = e.extensions.chunk(mine); !raw.empty()) {
            started_ = true;
            wire::append_event(out, "message_start", raw);
            return;
        }
        ensure_started(out);
    }

    void ensure_started(std::string& out) {
        if (started_) return;
        started_ = true;
        std::string data;
        json::Writer writer(data);
        writer.begin_object().member("type", "message_start").key("message").begin_object();
        writer.member("id", id_).member("type", "message").member("role", "assistant");
        writer.member("model", model_).key("content").begin_array().end_array();
        writer.key("stop_reason").null().key("stop_sequence").null();
        writer.key("usage").begin_object();
        writer.member("input_tokens", 0).member("output_tokens", 0).end_object();
        writer.end_object().end_object();
        wire::append_event(out, "message_start", data);
    }

    // A block of its own kind; `begin` writes what it is at first.
    template <class Begin>
    void open_block(Open kind, std::string& out, Begin begin) {
        ensure_started(out);
        close_block(out);
        open_ = kind;
        std::string data;
        json::Writer writer(data);
        writer.begin_object().member("type", "content_block_start");
        writer.member("index", std::int64_t{index_}).key("content_block").begin_object();
        begin(writer);
        writer.end_object().end_object();
        wire::append_event(out, "content_block_start", data);
    }

    void close_block(std::string& out) {
        if (open_ == Open::nothing) return;
        open_ = Open::nothing;
        wire::append_event(out, "content_block_stop",
                           fmt::format(R"({{"type":"content_block_stop","index":{}}})", index_++));
    }

    void delta(std::string_view type, std::string_view key, std::string_view text,
               std::string& out) {
        out += "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":";
        json::Writer(out).value(std::int64_t{index_});
        out += ",\"delta\":{\"type\":\"";
        out += type;
        out += "\",\"";
        out += key;
        out += "\":";
        json::append_quoted(out, text);
        out += "}}\n\n";
    }

    void text(Open kind, std::string_view text, const chat::Extensions& beside, std::string& out) {
        if (const std::string_view raw = beside.chunk(mine); !raw.empty()) {
            wire::append_event(out, "content_block_delta", raw);
            return;
        }
        if (open_ != kind && open_ != Open::provided) {
            if (text.empty()) return;
            open_block(kind, out, [&](json::Writer& writer) {
                const bool thought = kind == Open::thinking;
                writer.member("type", thought ? "thinking" : "text");
                writer.member(thought ? "thinking" : "text", "");
                if (thought) writer.member("signature", "");
            });
        }
        if (kind == Open::thinking) delta("thinking_delta", "thinking", text, out);
        else delta("text_delta", "text", text, out);
    }

    // One block is open at a time, and calls may come in turns: the one that is open goes on, the
    // others wait until it cannot go on any more.
    void call(const chat::ToolCallDelta& e, std::string& out) {
        if (open_ == Open::provided) {
            if (!e.arguments.empty()) delta("input_json_delta", "partial_json", e.arguments, out);
            return;
        }
        const bool waits = open_ == Open::call && e.call != call_;
        if (waits || waiting_.contains(e.call)) {
            Call& call = waiting_[e.call];
            call.id += e.id();
            call.name += e.name();
            call.arguments += e.arguments;
            return;
        }
        if (open_ != Open::call) begin_call(e.call, e.id(), e.name(), out);
        if (!e.arguments.empty()) delta("input_json_delta", "partial_json", e.arguments, out);
    }

    void begin_call(std::uint32_t number, std::string_view id, std::string_view name,
                    std::string& out) {
        call_ = number;
        open_block(Open::call, out, [&](json::Writer& writer) {
            writer.member("type", "tool_use").member("id", id).member("name", name);
            writer.key("input").begin_object().end_object();
        });
    }

    void flush_calls(std::string& out) {
        for (const auto& [number, call] : waiting_) {
            begin_call(number, call.id, call.name, out);
            if (!call.arguments.empty())
                delta("input_json_delta", "partial_json", call.arguments, out);
            close_block(out);
        }
        waiting_.clear();
    }

    void other(const chat::Extensions& extensions, std::string& out) {
        std::string_view raw = extensions.chunk(mine);
        if (raw.empty()) raw = extensions.delta(mine);
        if (raw.empty()) return;
        const auto document = json::Document::parse(raw);
        if (!document) return;
        const Value root = document->root();
        const std::string_view type = type_of(root);
        if (type == "content_block") return whole_block(root, out);
        if (!is_word(type)) return;
        if (type == "content_block_start") {
            close_block(out);
            open_ = Open::provided;
            index_ = static_cast<std::uint32_t>(count_of(root, "index").value_or(index_));
        }
        wire::append_event(out, type, raw);
        if (type == "content_block_stop") {
            open_ = Open::nothing;
            ++index_;
        }
    }

    // Of an answer that did not stream: what has no words of Weir's goes as one.
    void whole_block(const Value& root, std::string& out) {
        const auto block = root.find("content_block");
        if (!block) return;
        const std::string_view type = type_of(*block);
        if (type == "text" || type == "thinking" || type == "tool_use") return;
        close_block(out);
        wire::append_event(
            out, "content_block_start",
            fmt::format(R"({{"type":"content_block_start","index":{},"content_block":{}}})", index_,
                        block->raw()));
        open_ = Open::provided;
        close_block(out);
    }

    std::string id_;
    std::string model_;
    std::string reason_;
    chat::Extensions finish_;
    std::map<std::uint32_t, Call> waiting_;
    std::uint32_t index_ = 0; // of the block that is open, or of the next
    std::uint32_t call_ = 0;  // the one that is open
    Open open_ = Open::nothing;
    bool started_ = false;
};

// One content block, gathered.
struct Block {
    enum class Kind : std::uint8_t { text, thinking, call, other } kind = Kind::other;
    bool provided = false; // begun by the provider in this dialect
    std::string begun;     // its first form there, as JSON
    std::string text;      // or thought, or the arguments of a call
    std::string signature;
    std::string citations; // JSON values, separated by commas
    std::string id;
    std::string name;
};

class AnthropicWhole final : public WholeEncoder {
public:
    explicit AnthropicWhole(std::string fallback_id) : id_(std::move(fallback_id)) {}

    void event(const ChatEvent& event) override {
        std::visit(Match{
                       [&](const chat::Started& e) {
                           if (!e.id.empty()) id_ = e.id;
                           model_ = e.model;
                       },
                       [&](const chat::TextDelta& e) {
                           if (e.choice == 0) at(Block::Kind::text).text += e.text;
                       },
                       [&](const chat::ReasoningDelta& e) {
                           if (e.choice == 0) at(Block::Kind::thinking).text += e.text;
                       },
                       [&](const chat::RefusalDelta& e) {
                           if (e.choice == 0) at(Block::Kind::text).text += e.text;
                       },
                       [&](const chat::ToolCallDelta& e) {
                           if (e.choice == 0) call(e);
                       },
                       [&](const chat::OtherDelta& e) { other(e.extensions); },
                       [&](const chat::ChoiceFinished& e) {
                           if (e.choice != 0) return;
                           reason_ = e.reason;
                           finish_ = e.extensions;
                       },
                       [&](const chat::UsageReport&) {},
                   },
                   event);
    }

    std::string close(const Closing& closing, const std::function<std::string()>&) override {
        std::string out;
        json::Writer writer(out);
        writer.begin_object().member("id", id_).member("type", "message");
        writer.member("role", "assistant").member("model", model_).key("content").begin_array();
        for (const Block& block : blocks_) write(writer, block);
        writer.end_array();
        write_stop(writer);
        writer.key("usage");
        write_anthropic_usage(writer, closing);
        writer.key("x_weir");
        write_x_weir(writer, closing);
        writer.end_object();
        return out;
    }

private:
    // The block that goes on, or a new one.
    Block& at(Block::Kind kind) {
        if (!blocks_.empty() && open_ && (blocks_.back().provided || blocks_.back().kind == kind))
            return blocks_.back();
        blocks_.emplace_back().kind = kind;
        open_ = true;
        return blocks_.back();
    }

    void call(const chat::ToolCallDelta& e) {
        if (!blocks_.empty() && open_ && blocks_.back().provided) {
            blocks_.back().text += e.arguments;
            return;
        }
        const auto known = calls_.find(e.call);
        if (known == calls_.end()) {
            blocks_.emplace_back().kind = Block::Kind::call;
            open_ = true;
            calls_[e.call] = blocks_.size() - 1;
        }
        Block& block = blocks_[calls_[e.call]];
        block.id += e.id();
        block.name += e.name();
        block.text += e.arguments;
    }

    void other(const chat::Extensions& extensions) {
        std::string_view raw = extensions.chunk(mine);
        if (raw.empty()) raw = extensions.delta(mine);
        const auto document = json::Document::parse(raw);
        if (!document) return;
        const Value root = document->root();
        const std::string_view type = type_of(root);
        const auto block = root.find("content_block");
        if (type == "content_block_start" && block) {
            begin(*block);
        } else if (type == "content_block_stop") {
            open_ = false;
        } else if (type == "content_block" && block) {
            // It was told in Weir's words before; this is the same in the provider's.
            const std::string_view kind = type_of(*block);
            const bool told = kind == "text" || kind == "thinking" || kind == "tool_use";
            if (told && !blocks_.empty()) blocks_.pop_back();
            blocks_.emplace_back().begun = block->raw();
            blocks_.back().provided = true;
            open_ = false;
        } else if (const auto delta = root.find("delta"); delta && !blocks_.empty()) {
            Block& last = blocks_.back();
            if (type_of(*delta) == "signature_delta")
                last.signature += text_of(*delta, "signature");
            if (type_of(*delta) == "input_json_delta") last.text += text_of(*delta, "partial_json");
            if (const auto citation = delta->find("citation")) {
                if (!last.citations.empty()) last.citations.push_back(',');
                last.citations += citation->raw();
            }
        }
    }

    void begin(const Value& block) {
        Block& made = blocks_.emplace_back();
        const std::string_view type = type_of(block);
        made.provided = true;
        made.begun = block.raw();
        made.kind = type == "text"               ? Block::Kind::text
                    : type == "thinking"         ? Block::Kind::thinking
                    : type.ends_with("tool_use") ? Block::Kind::call
                                                 : Block::Kind::other;
        open_ = true;
    }

    static void write(json::Writer& writer, const Block& block) {
        const auto document =
            json::Document::parse(block.begun.empty() ? std::string_view("{}") : block.begun);
        const bool gathered = block.kind != Block::Kind::other;
        writer.begin_object();
        if (!block.provided) {
            writer.member("type", block.kind == Block::Kind::text       ? "text"
                                  : block.kind == Block::Kind::thinking ? "thinking"
                                                                        : "tool_use");
            if (block.kind == Block::Kind::call)
                writer.member("id", block.id).member("name", block.name);
        }
        if (document)
            for (const Value member : document->root()) {
                const std::string_view key = member.key();
                const bool replaced =
                    gathered && (key == "text" || key == "thinking" || key == "input" ||
                                 (key == "signature" && !block.signature.empty()) ||
                                 (key == "citations" && !block.citations.empty()));
                if (!replaced) writer.key(key).raw(member.raw());
            }
        if (block.kind == Block::Kind::text) {
            writer.member("text", block.text);
            if (!block.citations.empty()) writer.key("citations").raw("[" + block.citations + "]");
        } else if (block.kind == Block::Kind::thinking) {
            writer.member("thinking", block.text);
            if (!block.signature.empty() || !block.provided)
                writer.member("signature", block.signature);
        } else if (block.kind == Block::Kind::call) {
            write_input(writer, block.text);
        }
        writer.end_object();
    }

    // Arguments that are no object are shown as they are, under a name that no tool has: to call a
    // tool without them could do harm.
    static void write_input(json::Writer& writer, const std::string& arguments) {
        const auto input = json::Document::parse(arguments);
        writer.key("input");
        if (input && input->root().is(Kind::object)) writer.raw(input->root().raw());
        else if (arguments.empty()) writer.begin_object().end_object();
        else writer.begin_object().member("_not_json", arguments).end_object();
    }

    void write_stop(json::Writer& writer) {
        const auto document = json::Document::parse(finish_.chunk(mine));
        const Value* holder = nullptr;
        std::optional<Value> found;
        if (document && document->root().is(Kind::object)) {
            found = type_of(document->root()) == "message_delta" ? document->root().find("delta")
                                                                 : document->root();
            if (found && found->is(Kind::object)) holder = &*found;
        }
        writer.key("stop_reason");
        if (holder == nullptr) {
            writer.value(stop_reason_of(reason_)).key("stop_sequence").null();
            return;
        }
        writer.value(text_of(*holder, "stop_reason")).key("stop_sequence");
        const auto sequence = holder->find("stop_sequence");
        writer.raw(sequence ? sequence->raw() : "null");
        if (const auto details = holder->find("stop_details"))
            writer.key("stop_details").raw(details->raw());
    }

    std::string id_;
    std::string model_;
    std::string reason_;
    chat::Extensions finish_;
    std::vector<Block> blocks_;
    std::map<std::uint32_t, std::size_t> calls_;
    bool open_ = false;
};

} // namespace

std::unique_ptr<StreamEncoder> anthropic_stream_encoder(chat::UsageWish, std::string fallback_id) {
    return std::make_unique<AnthropicStream>(std::move(fallback_id));
}

std::unique_ptr<WholeEncoder> anthropic_whole_encoder(std::string fallback_id) {
    return std::make_unique<AnthropicWhole>(std::move(fallback_id));
}

} // namespace weir::dialects
