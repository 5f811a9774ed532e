#pragma once
// What Anthropic's Messages API answers, as ChatEvents. What only that dialect knows rides along as
// whole events: message_start with Started, message_delta with ChoiceFinished, the beginnings and
// ends of blocks and everything else as OtherDelta.

#include "base/limits.h"
#include "dialects/merged_members.h"
#include "dialects/openai/repeated_chunk.h"
#include "dialects/stream_decoder.h"
#include "json/document.h"

#include <optional>

namespace weir::dialects {

// The counts of a message, which come piece by piece: what is there and not null replaces.
class AnthropicUsage {
public:
    void add(const json::Value& usage);
    // In OpenAI's arithmetic: the input holds what was read from the cache and written to it.
    // nullopt where a count is missing or absurd.
    std::optional<chat::UsageReport> report() const;

private:
    std::int64_t input_ = -1;
    std::int64_t output_ = -1;
    std::int64_t read_ = 0;
    std::int64_t written_ = 0;
    std::int64_t thought_ = 0;
    MergedMembers members_;
};

class AnthropicStreamDecoder final : public EventStreamDecoder {
public:
    explicit AnthropicStreamDecoder(std::size_t event_bytes_max = limits::upstream_event_bytes)
        : EventStreamDecoder(event_bytes_max) {}
    Result<void> decode(const wire::SseEvent& event, std::vector<chat::ChatEvent>& out) override;

private:
    void start(const json::Value& root, std::vector<chat::ChatEvent>& out);
    void start_block(const json::Value& root, std::vector<chat::ChatEvent>& out);
    void read_delta(const json::Value& root, std::string_view data,
                    std::vector<chat::ChatEvent>& out);
    void stop_block(const json::Value& root, std::vector<chat::ChatEvent>& out);
    void finish(std::string_view reason, std::string_view raw, std::vector<chat::ChatEvent>& out);
    void report(const json::Value& holder, std::vector<chat::ChatEvent>& out);

    bool started_ = false;
    std::uint32_t calls_ = 0; // tool_use blocks so far
    enum class Block : std::uint8_t { text, call, other } block_ = Block::other;
    std::string early_reason_; // told at the beginning
    std::string input_; // of the call being told: what its beginning said, until a delta says more
    AnthropicUsage usage_;
    RepeatedChunk repeated_;
};

// A whole message. Errors: as StreamDecoder::feed(); stream_truncated without a stop_reason.
Result<std::vector<chat::ChatEvent>> decode_anthropic_answer(std::string_view body);

} // namespace weir::dialects
