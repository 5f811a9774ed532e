#pragma once
// What an OpenAI-compatible provider answers, as ChatEvents: the stream's chunks one by one, or a
// whole completion. Unknown members ride along in the events' extensions.

#include "base/error.h"
#include "chat/chat_event.h"
#include "dialects/repeated_chunk.h"
#include "wire/sse_decoder.h"

#include <bit>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace weir::dialects {

// Which choices have begun and which have given a finish_reason, a bit each.
struct ChoicesSeen {
    std::uint64_t begun = 0;
    std::uint64_t finished = 0;
    bool all_finished() const { return finished != 0 && finished == begun; }
};

class OpenAiStreamDecoder {
public:
    // Appends what one server-sent event says to `out`.
    // Errors: upstream_error for an error event, with the provider's words as detail;
    // upstream_malformed for
    // a damaged one. What cannot carry anything (no data, data that is no object) is skipped.
    Result<void> decode(const wire::SseEvent& event, std::vector<chat::ChatEvent>& out);

    // Every choice that began has given its finish_reason: the answer is whole.
    bool finished() const { return choices_.all_finished(); }
    std::int64_t choices_finished() const { return std::popcount(choices_.finished); }
    bool done() const { return done_; } // [DONE] was seen: nothing more comes
    std::size_t skipped() const { return skipped_; }

private:
    bool started_ = false;
    ChoicesSeen choices_;
    RepeatedChunk repeated_;
    bool done_ = false;
    std::size_t skipped_ = 0;
};

// A `chat.completion` object. Errors: as above; stream_truncated where no choice has finished.
Result<std::vector<chat::ChatEvent>> decode_openai_answer(std::string_view body);

} // namespace weir::dialects
