#pragma once
// What Ollama's /api/chat answers, as ChatEvents: lines of JSON, or one object of the same shape.

#include "base/limits.h"
#include "dialects/stream_decoder.h"

namespace weir::dialects {

class OllamaStreamDecoder final : public LineStreamDecoder {
public:
    explicit OllamaStreamDecoder(std::size_t line_bytes_max = limits::upstream_event_bytes)
        : LineStreamDecoder(line_bytes_max) {}
    Result<void> decode(std::string_view line, std::vector<chat::ChatEvent>& out) override;

private:
    bool started_ = false;
    std::string when_; // it was begun, for the names of its calls
    std::uint32_t calls_ = 0;
};

// Errors: as StreamDecoder::feed(); stream_truncated where it is not done.
Result<std::vector<chat::ChatEvent>> decode_ollama_answer(std::string_view body);

} // namespace weir::dialects
