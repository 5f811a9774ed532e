#pragma once
// What an OpenAI-compatible provider answers, as ChatEvents: the stream's chunks one by one, or a
// whole completion. Unknown members ride along in the events' extensions.

#include "base/error.h"
#include "base/limits.h"
#include "chat/chat_event.h"
#include "dialects/openai/repeated_chunk.h"
#include "dialects/stream_decoder.h"

#include <string>
#include <string_view>
#include <vector>

namespace weir::dialects {

class OpenAiStreamDecoder final : public EventStreamDecoder {
public:
    explicit OpenAiStreamDecoder(std::size_t event_bytes_max = limits::upstream_event_bytes)
        : EventStreamDecoder(event_bytes_max) {}
    Result<void> decode(const wire::SseEvent& event, std::vector<chat::ChatEvent>& out) override;

private:
    bool started_ = false;
    std::string early_; // of the chunks before the one that names the answer
    RepeatedChunk repeated_;
};

// A `chat.completion` object. Errors: as above; stream_truncated where no choice has finished.
Result<std::vector<chat::ChatEvent>> decode_openai_answer(std::string_view body);

} // namespace weir::dialects
