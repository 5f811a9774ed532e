#pragma once
// A provider's streamed answer as ChatEvents, from the bytes of its body. What framing it has is
// the decoder's matter: server-sent events (WHATWG HTML, section 9.2) or lines of JSON.

#include "base/error.h"
#include "chat/chat_event.h"
#include "wire/sse_decoder.h"

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::dialects {

// Which choices have begun and which have given a finish_reason, a bit each.
struct ChoicesSeen {
    std::uint64_t begun = 0;
    std::uint64_t finished = 0;
    bool all_finished() const { return finished != 0 && finished == begun; }
    static std::uint64_t bit_of(std::uint32_t choice) { return std::uint64_t{1} << (choice % 64); }
};

class StreamDecoder {
public:
    virtual ~StreamDecoder() = default;

    // Appends what `bytes` say to `out`; what they say in part waits for the rest.
    // Errors: upstream_error for an error that the provider put into the stream, with its words as
    // detail and all of it as told(); upstream_malformed for a damaged event or one that is too
    // large. What cannot carry anything is skipped. After an error the decoder is not used any
    // further.
    virtual Result<void> feed(std::string_view bytes, std::vector<chat::ChatEvent>& out) = 0;

    // The body has ended: what waited for more is read. Errors: as feed().
    virtual Result<void> end(std::vector<chat::ChatEvent>&) { return {}; }

    // Every choice that began has given its finish_reason: the answer is whole.
    bool finished() const { return choices_.all_finished(); }
    std::int64_t choices_finished() const { return std::popcount(choices_.finished); }
    bool done() const { return done_; } // nothing more comes
    std::size_t skipped() const { return skipped_; }

protected:
    ChoicesSeen choices_;
    bool done_ = false;
    std::uint32_t skipped_ = 0;
};

// One that comes as server-sent events.
class EventStreamDecoder : public StreamDecoder {
public:
    explicit EventStreamDecoder(std::size_t event_bytes_max) : events_(event_bytes_max) {}
    Result<void> feed(std::string_view bytes, std::vector<chat::ChatEvent>& out) final;
    // Appends what one event says. Errors: as feed().
    virtual Result<void> decode(const wire::SseEvent& event, std::vector<chat::ChatEvent>& out) = 0;

private:
    wire::SseDecoder events_;
};

// One that comes as lines of JSON.
class LineStreamDecoder : public StreamDecoder {
public:
    explicit LineStreamDecoder(std::size_t line_bytes_max) : line_bytes_max_(line_bytes_max) {}
    Result<void> feed(std::string_view bytes, std::vector<chat::ChatEvent>& out) final;
    Result<void> end(std::vector<chat::ChatEvent>& out) final;
    virtual Result<void> decode(std::string_view line, std::vector<chat::ChatEvent>& out) = 0;

private:
    std::size_t line_bytes_max_;
    std::string line_; // of one cut by a piece boundary
};

} // namespace weir::dialects
