#include "dialects/gemini/answer.h"

#include "base/text.h"
#include "dialects/answer_text.h"
#include "json/writer.h"

#include <algorithm>
#include <fmt/core.h>

namespace weir::dialects {
namespace {

using chat::ChatEvent;
using json::Kind;
using json::Value;

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> list) {
    return std::ranges::find(list, text) != list.end();
}

// Nothing of use was said, and nothing will be.
bool is_failure(std::string_view reason) {
    return is_one_of(reason,
                     {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS"});
}

std::optional<Error> error_in(const Value& root) {
    const Value first = root.is(Kind::array) && root.size() > 0 ? *root.begin() : root;
    const auto error = first.is(Kind::object) ? first.find("error") : std::nullopt;
    if (!error || error->is_null()) return std::nullopt;
    const std::string words(error->is(Kind::string) ? error->text() : text_of(*error, "message"));
    return Error(Errc::upstream_error).because("error inside the answer: " + clip(words, 200));
}

std::optional<chat::Usage> usage_of(const Value& root) {
    const auto meta = root.find("usageMetadata");
    if (!meta || !meta->is(Kind::object)) return std::nullopt;
    const auto prompt = count_of(*meta, "promptTokenCount");
    const auto answer = count_of(*meta, "candidatesTokenCount");
    const std::int64_t thought = count_of(*meta, "thoughtsTokenCount").value_or(0);
    if (!prompt && !answer) return std::nullopt;
    chat::Usage usage;
    usage.input =
        Tokens(prompt.value_or(0) + count_of(*meta, "toolUsePromptTokenCount").value_or(0));
    usage.output = Tokens(answer.value_or(0) + thought);
    usage.reasoning = Tokens(thought);
    usage.cached_input = Tokens(
        std::min(count_of(*meta, "cachedContentTokenCount").value_or(0), usage.input.value()));
    return usage;
}

} // namespace

Result<void> GeminiStreamDecoder::decode(const wire::SseEvent& event, std::vector<ChatEvent>& out) {
    const std::string_view data = trim(event.data);
    if (!data.starts_with('{') && !data.starts_with('[')) {
        ++skipped_;
        return {};
    }
    thread_local json::Reader reading;
    const auto root = reading.read(data);
    if (!root)
        return refuse(Error(Errc::upstream_malformed)
                          .because("damaged event: " + std::string(root.error().message())));
    return read(*root, out);
}

Result<void> GeminiStreamDecoder::read(const Value& root, std::vector<ChatEvent>& out) {
    if (auto error = error_in(root)) return std::unexpected(*std::move(error));
    if (!root.is(Kind::object)) return {};
    const auto candidates = root.find("candidates");
    if (!started_) {
        started_ = true;
        chat::Started started;
        started.id = name_ = text_of(root, "responseId");
        started.model = text_of(root, "modelVersion");
        out.emplace_back(std::move(started));
    }
    if (candidates && candidates->is(Kind::array))
        for (const Value candidate : *candidates) WEIR_CHECK(read_candidate(candidate, out));
    // A question that is not answered has no candidate at all.
    const auto feedback = root.find("promptFeedback");
    if (feedback && !text_of(*feedback, "blockReason").empty()) finish(0, "SAFETY", out);
    if (const auto usage = usage_of(root)) {
        chat::UsageReport report;
        report.usage = *usage;
        out.emplace_back(std::move(report));
    }
    return {};
}

Result<void> GeminiStreamDecoder::read_candidate(const Value& candidate,
                                                 std::vector<ChatEvent>& out) {
    if (!candidate.is(Kind::object)) return {};
    const auto choice = static_cast<std::uint32_t>(std::min<std::int64_t>(
        count_of(candidate, "index").value_or(0), static_cast<std::int64_t>(calls_.size() - 1)));
    choices_.begun |= ChoicesSeen::bit_of(choice);
    const auto content = candidate.find("content");
    const auto parts = content && content->is(Kind::object) ? content->find("parts") : std::nullopt;
    if (parts && parts->is(Kind::array))
        for (const Value part : *parts) WEIR_CHECK(read_part(choice, part, out));
    const std::string_view reason = text_of(candidate, "finishReason");
    if (is_failure(reason)) {
        return refuse(Error(Errc::upstream_error)
                          .because(fmt::format("the model failed: {} {}", reason,
                                               clip(text_of(candidate, "finishMessage"), 200))));
    }
    if (!reason.empty() && reason != "FINISH_REASON_UNSPECIFIED") finish(choice, reason, out);
    return {};
}

Result<void> GeminiStreamDecoder::read_part(std::uint32_t choice, const Value& part,
                                            std::vector<ChatEvent>& out) {
    if (!part.is(Kind::object)) return {};
    const std::string_view text = text_of(part, "text");
    const auto thought = part.find("thought");
    if (!text.empty()) {
        if (thought && thought->is(Kind::boolean) && thought->boolean())
            out.emplace_back(
                chat::ReasoningDelta{choice, std::string(text), "reasoning_content", {}});
        else out.emplace_back(chat::TextDelta{choice, std::string(text), {}});
    }
    const auto call = part.find("functionCall");
    if (!call || !call->is(Kind::object)) return {};
    if (call->find("willContinue") || call->find("partialArgs"))
        return refuse(Error(Errc::upstream_malformed).because("a call in pieces, unasked"));
    calling_ |= ChoicesSeen::bit_of(choice);
    const std::uint32_t number = calls_[choice]++;
    chat::ToolCallDelta::Called called;
    called.id = text_of(*call, "id");
    // Two calls of one function are told apart by their place, and by their answer.
    if (called.id.empty()) called.id = fmt::format("call_{}_{}_{}", name_, choice, number);
    called.name = text_of(*call, "name");
    // The next turn must bring it back.
    if (const auto signature = text_of(part, "thoughtSignature"); !signature.empty()) {
        json::Writer writer(called.extensions);
        called.extensions = "\"extra_content\":";
        writer.begin_object().key("google").begin_object();
        writer.member("thought_signature", signature).end_object().end_object();
    }
    chat::ToolCallDelta delta;
    delta.choice = choice;
    delta.call = number;
    delta.called = std::make_shared<const chat::ToolCallDelta::Called>(std::move(called));
    delta.arguments = arguments_text(call->find("args"));
    out.emplace_back(std::move(delta));
    return {};
}

void GeminiStreamDecoder::finish(std::uint32_t choice, std::string_view reason,
                                 std::vector<ChatEvent>& out) {
    const std::uint64_t bit = ChoicesSeen::bit_of(choice);
    if ((choices_.finished & bit) != 0) return;
    choices_.begun |= bit;
    choices_.finished |= bit;
    std::string_view words = "stop";
    if (reason == "MAX_TOKENS" || reason == "CONTINUATION") words = "length";
    else if (is_one_of(reason, {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII",
                                "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"}))
        words = "content_filter";
    else if ((calling_ & bit) != 0) words = "tool_calls";
    out.emplace_back(chat::ChoiceFinished{choice, std::string(words), {}});
}

Result<std::vector<ChatEvent>> decode_gemini_answer(std::string_view body) {
    const auto document = json::Document::parse(body);
    if (!document)
        return refuse(Error(Errc::upstream_malformed)
                          .because("damaged answer: " + std::string(document.error().message())));
    std::vector<ChatEvent> out;
    GeminiStreamDecoder decoder;
    const Value root = document->root();
    // Without alt=sse a stream is an array of what would be its events.
    if (root.is(Kind::array)) {
        for (const Value one : root) WEIR_CHECK(decoder.read(one, out));
    } else {
        WEIR_CHECK(decoder.read(root, out));
    }
    if (!decoder.finished())
        return refuse(Error(Errc::stream_truncated).because("an answer without a finishReason"));
    return out;
}

} // namespace weir::dialects
