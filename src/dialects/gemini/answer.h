#pragma once
// What Gemini answers, as ChatEvents. A chunk of a stream and a whole answer are of one type,
// GenerateContentResponse; counts are cumulative, and what has its default value is left out.

#include "base/limits.h"
#include "dialects/stream_decoder.h"
#include "json/document.h"

#include <array>

namespace weir::dialects {

class GeminiStreamDecoder final : public EventStreamDecoder {
public:
    explicit GeminiStreamDecoder(std::size_t event_bytes_max = limits::upstream_event_bytes)
        : EventStreamDecoder(event_bytes_max) {}
    Result<void> decode(const wire::SseEvent& event, std::vector<chat::ChatEvent>& out) override;
    // One response of a stream, or the whole. Errors: as decode().
    Result<void> read(const json::Value& root, std::vector<chat::ChatEvent>& out);

private:
    Result<void> read_candidate(const json::Value& candidate, std::vector<chat::ChatEvent>& out);
    Result<void> read_part(std::uint32_t choice, const json::Value& part,
                           std::vector<chat::ChatEvent>& out);
    void finish(std::uint32_t choice, std::string_view reason, std::vector<chat::ChatEvent>& out);

    bool started_ = false;
    std::string name_;                     // of the answer
    std::uint64_t calling_ = 0;            // a bit for each choice that called a tool
    std::array<std::uint32_t, 8> calls_{}; // of each choice so far
};

// Errors: as StreamDecoder::feed(); stream_truncated where no candidate has finished.
Result<std::vector<chat::ChatEvent>> decode_gemini_answer(std::string_view body);

} // namespace weir::dialects
