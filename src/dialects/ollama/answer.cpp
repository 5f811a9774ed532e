#include "dialects/ollama/answer.h"

#include "base/text.h"
#include "dialects/answer_text.h"
#include "json/document.h"

#include <algorithm>
#include <fmt/core.h>
#include <iterator>

namespace weir::dialects {
namespace {

using chat::ChatEvent;
using json::Kind;
using json::Value;

ChatEvent call_of(const Value& call, std::string_view when, std::uint32_t number) {
    chat::ToolCallDelta::Called called;
    called.id = text_of(call, "id");
    if (called.id.empty()) called.id = fmt::format("call_{}_{}", when, number);
    chat::ToolCallDelta delta;
    delta.call = number;
    delta.arguments = "{}";
    if (const auto function = call.find("function"); function && function->is(Kind::object)) {
        called.name = text_of(*function, "name");
        delta.arguments = arguments_text(function->find("arguments"));
    }
    delta.called = std::make_shared<const chat::ToolCallDelta::Called>(std::move(called));
    return delta;
}

} // namespace

Result<void> OllamaStreamDecoder::decode(std::string_view line, std::vector<ChatEvent>& out) {
    thread_local json::Reader reading;
    const auto read = reading.read(line);
    if (!read)
        return refuse(Error(Errc::upstream_malformed)
                          .because("damaged line: " + std::string(read.error().message())));
    const Value root = *read;
    if (const std::string_view error = text_of(root, "error"); !error.empty())
        return refuse(
            Error(Errc::upstream_error).because("error inside the answer: " + clip(error, 200)));
    if (!root.is(Kind::object)) return {};
    choices_.begun = 1;
    if (!started_) {
        started_ = true;
        chat::Started started;
        started.model = text_of(root, "model");
        // The only thing that tells one answer from another.
        std::ranges::copy_if(text_of(root, "created_at"), std::back_inserter(when_),
                             [](char c) { return c >= '0' && c <= '9'; });
        out.emplace_back(std::move(started));
    }
    if (const auto message = root.find("message"); message && message->is(Kind::object)) {
        if (const auto thought = text_of(*message, "thinking"); !thought.empty())
            out.emplace_back(
                chat::ReasoningDelta{0, std::string(thought), "reasoning_content", {}});
        if (const auto text = text_of(*message, "content"); !text.empty())
            out.emplace_back(chat::TextDelta{0, std::string(text), {}});
        if (const auto calls = message->find("tool_calls"); calls && calls->is(Kind::array))
            for (const Value call : *calls) out.push_back(call_of(call, when_, calls_++));
    }
    const auto last = root.find("done");
    if (!last || !last->is(Kind::boolean) || !last->boolean()) return {};
    const bool cut = text_of(root, "done_reason") == "length";
    out.emplace_back(chat::ChoiceFinished{0,
                                          cut          ? "length"
                                          : calls_ > 0 ? "tool_calls"
                                                       : "stop",
                                          {}});
    choices_.finished = 1;
    done_ = true;
    const auto input = count_of(root, "prompt_eval_count");
    const auto output = count_of(root, "eval_count");
    if (!input || !output) return {};
    chat::UsageReport report;
    report.usage.input = Tokens(*input);
    report.usage.output = Tokens(*output);
    report.usage.cached_input =
        Tokens(std::min(count_of(root, "prompt_eval_cached_count").value_or(0), *input));
    out.emplace_back(std::move(report));
    return {};
}

Result<std::vector<ChatEvent>> decode_ollama_answer(std::string_view body) {
    std::vector<ChatEvent> out;
    OllamaStreamDecoder decoder(limits::upstream_body_bytes);
    WEIR_CHECK(decoder.feed(body, out));
    WEIR_CHECK(decoder.end(out));
    if (!decoder.finished())
        return refuse(Error(Errc::stream_truncated).because("an answer that is not done"));
    return out;
}

} // namespace weir::dialects
