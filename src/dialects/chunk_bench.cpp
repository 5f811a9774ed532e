// What a streamed chunk costs between a provider and a client: decoding it and encoding it again,
// in every pair of dialects. The limit is 3 us for one that is translated.

#include "dialects/answer_encoder.h"
#include "dialects/provider_codec.h"
#include "dialects/responses/encoder.h"

#include <benchmark/benchmark.h>

namespace weir::dialects {
namespace {

constexpr std::string_view words = "a piece of an answer, as long as many are, about forty bytes";

std::string openai_head() {
    return "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\","
           "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
           "\"finish_reason\":null}]}\n\n";
}
std::string openai_chunk() {
    return "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\","
           "\"system_fingerprint\":\"fp\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" +
           std::string(words) + "\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n";
}
std::string anthropic_head() {
    return "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg\","
           "\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],"
           "\"stop_reason\":null,\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n"
           "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
           "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
}
std::string anthropic_chunk() {
    return "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
           "\"delta\":{\"type\":\"text_delta\",\"text\":\"" +
           std::string(words) + "\"}}\n\n";
}
std::string gemini_chunk() {
    return "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"" + std::string(words) +
           "\"}],\"role\":\"model\"},\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":8,"
           "\"candidatesTokenCount\":2,\"totalTokenCount\":10},\"modelVersion\":\"m\","
           "\"responseId\":\"r\"}\n\n";
}

enum Provider { openai, anthropic, gemini };
enum Client { chat_client, messages_client, responses_client };

void chunk(benchmark::State& state) {
    const ProviderCodec* const codecs[] = {&openai_codec(), &anthropic_codec(), &gemini_codec()};
    const std::string heads[] = {openai_head(), anthropic_head(), gemini_chunk()};
    const std::string chunks[] = {openai_chunk(), anthropic_chunk(), gemini_chunk()};
    const auto provider = static_cast<std::size_t>(state.range(0));
    const auto decoder = codecs[provider]->stream(1 << 20);
    std::unique_ptr<StreamEncoder> encoder;
    switch (static_cast<Client>(state.range(1))) {
    case chat_client: encoder = openai_stream_encoder(chat::UsageWish::quiet, "chatcmpl-1"); break;
    case messages_client:
        encoder = anthropic_stream_encoder(chat::UsageWish::quiet, "msg_1");
        break;
    case responses_client: encoder = responses_stream_encoder({"resp_1", "{}"}, {}); break;
    }
    std::vector<chat::ChatEvent> events;
    std::string frames;
    (void)decoder->feed(heads[provider], events);
    for (const auto& event : events) encoder->event(event, frames);
    for (auto _ : state) {
        events.clear();
        frames.clear();
        auto fed = decoder->feed(chunks[provider], events);
        benchmark::DoNotOptimize(fed);
        for (const auto& event : events) encoder->event(event, frames);
        benchmark::DoNotOptimize(frames);
    }
}
BENCHMARK(chunk)
    ->ArgNames({"provider", "client"})
    ->ArgsProduct({{openai, anthropic, gemini}, {chat_client, messages_client, responses_client}});

} // namespace
} // namespace weir::dialects
