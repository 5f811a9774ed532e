// Whatever a provider streams: wherever its bytes are cut, the same is said; and every client can
// read what is made of it. The first byte picks the codec, the second where the body is cut.

#include "dialects/answer_encoder.h"
#include "dialects/provider_codec.h"
#include "dialects/responses/encoder.h"
#include "wire/sse_decoder.h"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <fmt/core.h>

namespace {

using namespace weir;
using chat::ChatEvent;
using chat::Native;

// Large enough for an answer, small enough for inputs to reach it.
constexpr std::size_t event_bytes_max = 2'000;
// What wraps a provider's words may be deeper than they are, and have more members.
constexpr json::Limits generous{.depth = 200, .values = 1'000'000, .keys_per_object = 100'000};

void require(bool condition) {
    if (!condition) std::abort();
}

template <class... Cases>
struct Match : Cases... {
    using Cases::operator()...;
};

// An event as a text: equal texts, equal events.
std::string told(const chat::Extensions& beside) {
    std::string out;
    for (const Native native : {Native::openai, Native::anthropic, Native::responses})
        out += fmt::format("<{}|{}|{}>", beside.chunk(native), beside.choice(native),
                           beside.delta(native));
    return out;
}
std::string told(const chat::Usage& usage) {
    return fmt::format("{} {} {} {}", usage.input.value(), usage.output.value(),
                       usage.cached_input.value(), usage.reasoning.value());
}
std::string told(const ChatEvent& event) {
    const std::string what = std::visit(
        Match{
            [](const chat::Started& e) {
                return fmt::format("{}|{}|{}{}", e.id, e.model, e.created, told(e.extensions));
            },
            [](const chat::ReasoningDelta& e) {
                return fmt::format("{}|{}|{}{}", e.choice, e.text, e.field, told(e.extensions));
            },
            [](const chat::ToolCallDelta& e) {
                return fmt::format("{}|{}|{}|{}|{}|{}", e.choice, e.call, e.id(), e.name(),
                                   e.arguments, e.extensions());
            },
            [](const chat::OtherDelta& e) {
                return fmt::format("{}{}", e.choice, told(e.extensions));
            },
            [](const chat::ChoiceFinished& e) {
                return fmt::format("{}|{}{}", e.choice, e.reason, told(e.extensions));
            },
            [](const chat::UsageReport& e) { return told(e.usage) + e.raw; },
            [](const auto& e) { // a text or a refusal
                return fmt::format("{}|{}{}", e.choice, e.text, told(e.extensions));
            },
        },
        event);
    return fmt::format("{}:{}\n", event.index(), what);
}

struct Outcome {
    std::vector<ChatEvent> events;
    std::string said; // all of them, and how it ended
};

Outcome decode(const dialects::ProviderCodec& codec, std::string_view body, std::size_t first,
               std::size_t step) {
    Outcome out;
    const auto decoder = codec.stream(event_bytes_max);
    Result<void> fed;
    for (std::size_t take = first; fed && !decoder->done() && !body.empty(); take = step) {
        // A copy of its own, so that nothing may be read beside it or after it.
        const std::string piece(body.substr(0, take));
        body.remove_prefix(piece.size());
        fed = decoder->feed(piece, out.events);
    }
    if (fed && !decoder->done()) fed = decoder->end(out.events);
    for (const ChatEvent& event : out.events) out.said += told(event);
    out.said +=
        fmt::format("{} {} {}", decoder->done(), decoder->finished(), decoder->choices_finished());
    if (!fed) out.said += fmt::format(" {} {}", name(fed.error().code()), fed.error().detail());
    else out.said += fmt::format(" skipped {}", decoder->skipped());
    return out;
}

void require_json(std::string_view text) {
    require(json::Document::parse(text, generous).has_value());
}

// What a client reads of it.
void check_stream(dialects::StreamEncoder& encoder, const std::vector<ChatEvent>& events,
                  const dialects::Closing& closing) {
    std::string frames;
    for (const ChatEvent& event : events) encoder.event(event, frames);
    encoder.close(closing, frames);
    require(frames.ends_with("\n\n"));
    wire::SseDecoder decoder(frames.size());
    wire::SseEvent event;
    for (std::string_view rest = frames; decoder.next(rest, event);)
        if (event.data != "[DONE]") require_json(event.data);
    require(!decoder.overflowed() && !decoder.mid_event());
}

void check_whole(dialects::WholeEncoder& encoder, const std::vector<ChatEvent>& events,
                 const dialects::Closing& closing) {
    for (const ChatEvent& event : events) encoder.event(event);
    require_json(encoder.close(closing, [] { return std::string("{}"); }));
}

void check_encoders(const std::vector<ChatEvent>& events) {
    dialects::Closing closing;
    for (const ChatEvent& event : events)
        if (const auto* const report = std::get_if<chat::UsageReport>(&event)) {
            closing.usage = report->usage;
            closing.usage_raw = report->raw;
            closing.usage_native = report->native;
        }
    const auto wish = chat::UsageWish::include;
    const dialects::ResponseNames names{"resp_a", "{}"};
    check_stream(*dialects::openai_stream_encoder(wish, "a"), events, closing);
    check_stream(*dialects::anthropic_stream_encoder(wish, "a"), events, closing);
    check_stream(*dialects::responses_stream_encoder(names, std::nullopt), events, closing);
    check_stream(*dialects::plain_stream_encoder(), events, closing);
    check_whole(*dialects::openai_whole_encoder("a"), events, closing);
    check_whole(*dialects::anthropic_whole_encoder("a"), events, closing);
    check_whole(*dialects::responses_whole_encoder(names), events, closing);
    check_whole(*dialects::plain_whole_encoder("a"), events, closing);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const std::array<const dialects::ProviderCodec*, 5> codecs{
        &dialects::openai_codec(), &dialects::azure_codec(), &dialects::anthropic_codec(),
        &dialects::gemini_codec(), &dialects::ollama_codec()};
    const dialects::ProviderCodec& codec = *codecs[data[0] % codecs.size()];
    const std::string_view body(reinterpret_cast<const char*>(data) + 2, size - 2);
    const Outcome whole = decode(codec, body, size, size);
    // The seed's own place, and everywhere.
    const std::size_t cut = 1 + body.size() * data[1] / 256;
    require(decode(codec, body, cut, size).said == whole.said);
    require(decode(codec, body, 1, 1).said == whole.said);
    check_encoders(whole.events);
    if (const auto events = codec.whole(body)) check_encoders(*events);
    return 0;
}
