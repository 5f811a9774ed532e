#include "dialects/anthropic/answer.h"

#include "base/text.h"
#include "dialects/answer_text.h"
#include "json/writer.h"

#include <algorithm>

namespace weir::dialects {
namespace {

using chat::ChatEvent;
using chat::Native;
using json::Kind;
using json::Value;

// In OpenAI's words.
std::string_view reason_of(std::string_view stop_reason) {
    if (stop_reason == "max_tokens" || stop_reason == "model_context_window_exceeded")
        return "length";
    if (stop_reason == "tool_use") return "tool_calls";
    if (stop_reason == "refusal") return "content_filter";
    return "stop";
}

chat::Extensions whole_event(std::string_view raw) {
    return chat::Extensions(one_line(raw), {}, {}, Native::anthropic);
}

ChatEvent passed_on(std::string_view raw) { return chat::OtherDelta{0, whole_event(raw)}; }

// What nobody here understands may be output.
ChatEvent passed_on_as_output(std::string_view raw) {
    return chat::OtherDelta{0, chat::Extensions({}, {}, one_line(raw), Native::anthropic)};
}

// The same without the words that a block begins with: they are told as what follows.
ChatEvent passed_on_without(const Value& root, const std::optional<Value>& words) {
    std::string raw(root.raw());
    if (words && words->is(Kind::string))
        raw.replace(static_cast<std::size_t>(words->raw().data() - root.raw().data()),
                    words->raw().size(), "\"\"");
    return passed_on(raw);
}

ChatEvent call_begun(std::uint32_t call, const Value& block) {
    chat::ToolCallDelta out;
    out.call = call;
    out.called = std::make_shared<const chat::ToolCallDelta::Called>(
        std::string(text_of(block, "id")), std::string(text_of(block, "name")), std::string());
    return out;
}

ChatEvent call_arguments(std::uint32_t call, std::string arguments) {
    chat::ToolCallDelta out;
    out.call = call;
    out.arguments = std::move(arguments);
    return out;
}

std::unexpected<Error> told_error(const Value& root) {
    const auto error = root.find("error");
    const std::string words(error ? text_of(*error, "message") : std::string_view());
    return refuse(
        Error(Errc::upstream_error).because("error inside the answer: " + clip(words, 200)));
}

} // namespace

void AnthropicUsage::add(const Value& usage) {
    if (!usage.is(Kind::object)) return;
    const auto take = [&](std::string_view key, std::int64_t& into) {
        if (const auto count = count_of(usage, key)) into = *count;
    };
    take("input_tokens", input_);
    take("output_tokens", output_);
    take("cache_read_input_tokens", read_);
    take("cache_creation_input_tokens", written_);
    if (const auto details = usage.find("output_tokens_details"))
        if (const auto count = count_of(*details, "thinking_tokens")) thought_ = *count;
    constexpr std::size_t usual_bytes = 4096; // a larger one is no usage
    if (usage.raw().size() > usual_bytes) return;
    std::string members;
    for (const Value member : usage)
        if (!member.is_null()) append_member(members, member);
    members_.add(members);
}

std::optional<chat::UsageReport> AnthropicUsage::report() const {
    if (input_ < 0 || output_ < 0) return std::nullopt;
    chat::UsageReport out;
    out.usage.input = Tokens(input_ + read_ + written_);
    out.usage.output = Tokens(output_);
    out.usage.cached_input = Tokens(read_);
    out.usage.reasoning = Tokens(std::min(thought_, output_));
    std::string members;
    members_.append_to(members);
    out.raw = "{" + members.substr(1) + "}";
    out.native = Native::anthropic;
    return out;
}

Result<void> AnthropicStreamDecoder::decode(const wire::SseEvent& event,
                                            std::vector<ChatEvent>& out) {
    const std::string_view data = trim(event.data);
    if (!data.starts_with('{')) {
        ++skipped_;
        return {};
    }
    if (auto again = repeated_.read(data)) {
        out.emplace_back(*std::move(again));
        return {};
    }
    // What is parsed is read in the same memory, one event after another.
    thread_local json::Reader reading;
    const auto read = reading.read(data);
    if (!read)
        return refuse(Error(Errc::upstream_malformed)
                          .because("damaged event: " + std::string(read.error().message())));
    const Value root = *read;
    const std::string_view type = text_of(root, "type");
    if (type == "error" || (type.empty() && root.find("error"))) return told_error(root);
    if (type == "message_start") start(root, out);
    else if (type == "content_block_start") start_block(root, out);
    else if (type == "content_block_delta") read_delta(root, data, out);
    else if (type == "content_block_stop") stop_block(root, out);
    else if (type == "message_delta") {
        report(root, out);
        const auto delta = root.find("delta");
        const std::string_view reason = delta ? text_of(*delta, "stop_reason") : std::string_view();
        if (!reason.empty()) finish(reason, root.raw(), out);
    } else if (type == "message_stop") {
        done_ = true;
        if (!early_reason_.empty()) finish(early_reason_, {}, out);
    } else if (type != "ping") {
        out.push_back(passed_on_as_output(root.raw()));
    }
    return {};
}

void AnthropicStreamDecoder::start(const Value& root, std::vector<ChatEvent>& out) {
    const auto message = root.find("message");
    if (started_ || !message || !message->is(Kind::object)) return;
    started_ = true;
    choices_.begun = 1;
    chat::Started started;
    started.id = text_of(*message, "id");
    started.model = text_of(*message, "model");
    started.extensions = whole_event(root.raw());
    out.emplace_back(std::move(started));
    report(*message, out);
    // Some servers begin with what is known to be the end; it counts once the end is there.
    early_reason_ = text_of(*message, "stop_reason");
}

void AnthropicStreamDecoder::start_block(const Value& root, std::vector<ChatEvent>& out) {
    choices_.begun = 1;
    const auto block = root.find("content_block");
    const std::string_view type = block ? text_of(*block, "type") : std::string_view();
    block_ = Block::other;
    if (type == "text" || type == "thinking") {
        out.push_back(passed_on_without(root, block->find(type)));
        std::string words(text_of(*block, type));
        if (type == "text") block_ = Block::text;
        if (words.empty()) return;
        if (type == "text") out.emplace_back(chat::TextDelta{0, std::move(words), {}});
        else out.emplace_back(chat::ReasoningDelta{0, std::move(words), "reasoning_content", {}});
        return;
    }
    const bool empty_yet = type.ends_with("tool_use");
    out.push_back(empty_yet ? passed_on(root.raw()) : passed_on_as_output(root.raw()));
    if (type == "tool_use") {
        block_ = Block::call;
        const auto input = block->find("input");
        input_ = input && input->is(Kind::object) ? one_line(input->raw()) : "{}";
        out.push_back(call_begun(calls_++, *block));
    }
}

void AnthropicStreamDecoder::read_delta(const Value& root, std::string_view data,
                                        std::vector<ChatEvent>& out) {
    const auto delta = root.find("delta");
    if (!delta || !delta->is(Kind::object)) return;
    const std::string_view type = text_of(*delta, "type");
    // Members beside the usual ones go along.
    const bool plain = delta->size() == 2 && root.size() == 3;
    const chat::Extensions beside = plain ? chat::Extensions() : whole_event(root.raw());
    if (type == "text_delta") {
        const auto text = delta->find("text");
        if (!text || !text->is(Kind::string)) return;
        out.emplace_back(chat::TextDelta{0, std::string(text->text()), beside});
        const std::string_view written = text->raw().substr(1, text->raw().size() - 2);
        if (plain && root.raw().size() == data.size() && written.size() == text->text().size())
            repeated_.keep(data, static_cast<std::size_t>(written.data() - root.raw().data()),
                           std::get<chat::TextDelta>(out.back()));
    } else if (type == "thinking_delta") {
        out.emplace_back(chat::ReasoningDelta{0, std::string(text_of(*delta, "thinking")),
                                              "reasoning_content", beside});
    } else if (type == "input_json_delta" && block_ == Block::call) {
        const std::string_view piece = text_of(*delta, "partial_json");
        if (piece.empty()) return;
        input_.clear();
        out.push_back(call_arguments(calls_ - 1, std::string(piece)));
    } else if (type == "signature_delta") {
        out.push_back(passed_on(root.raw()));
    } else {
        out.push_back(passed_on_as_output(root.raw()));
    }
}

void AnthropicStreamDecoder::stop_block(const Value& root, std::vector<ChatEvent>& out) {
    if (block_ == Block::call && !input_.empty())
        out.push_back(call_arguments(calls_ - 1, std::exchange(input_, {})));
    block_ = Block::other;
    out.push_back(passed_on(root.raw()));
}

void AnthropicStreamDecoder::finish(std::string_view reason, std::string_view raw,
                                    std::vector<ChatEvent>& out) {
    if (choices_.finished != 0) return;
    choices_.begun = choices_.finished = 1;
    out.emplace_back(chat::ChoiceFinished{0, std::string(reason_of(reason)), whole_event(raw)});
}

void AnthropicStreamDecoder::report(const Value& holder, std::vector<ChatEvent>& out) {
    const auto usage = holder.find("usage");
    if (!usage) return;
    usage_.add(*usage);
    if (auto report = usage_.report()) out.emplace_back(*std::move(report));
}

Result<std::vector<ChatEvent>> decode_anthropic_answer(std::string_view body) {
    const auto document = json::Document::parse(body);
    if (!document)
        return refuse(Error(Errc::upstream_malformed)
                          .because("damaged answer: " + std::string(document.error().message())));
    const Value root = document->root();
    if (!root.is(Kind::object) || text_of(root, "type") == "error") return told_error(root);
    std::vector<ChatEvent> out;
    chat::Started started;
    started.id = text_of(root, "id");
    started.model = text_of(root, "model");
    out.emplace_back(std::move(started));
    std::uint32_t calls = 0;
    if (const auto content = root.find("content"); content && content->is(Kind::array)) {
        for (const Value block : *content) {
            const std::string_view type = text_of(block, "type");
            if (type == "text") {
                out.emplace_back(chat::TextDelta{0, std::string(text_of(block, "text")), {}});
            } else if (type == "thinking") {
                out.emplace_back(chat::ReasoningDelta{
                    0, std::string(text_of(block, "thinking")), "reasoning_content", {}});
            } else if (type == "tool_use") {
                const auto input = block.find("input");
                out.push_back(call_begun(calls, block));
                out.push_back(call_arguments(calls++, input ? one_line(input->raw()) : "{}"));
            }
            // The block itself, for who speaks the same.
            std::string whole =
                R"({"type":"content_block","content_block":)" + std::string(block.raw()) + "}";
            out.push_back(passed_on(whole));
        }
    }
    const std::string_view reason = text_of(root, "stop_reason");
    if (reason.empty())
        return refuse(Error(Errc::stream_truncated).because("an answer without a stop_reason"));
    out.emplace_back(
        chat::ChoiceFinished{0, std::string(reason_of(reason)), whole_event(root.raw())});
    if (const auto usage = root.find("usage")) {
        AnthropicUsage counts;
        counts.add(*usage);
        if (auto report = counts.report()) out.emplace_back(*std::move(report));
    }
    return out;
}

} // namespace weir::dialects
