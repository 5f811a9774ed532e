#pragma once
// Server-sent events, incoming: the WHATWG HTML Standard, section 9.2.6 ("Interpreting an event
// stream"). CR, LF and CRLF end lines, a leading byte order mark is dropped, several data lines
// join with LF, comments vanish, an event without data is not one. Bytes may come in any pieces;
// each event's data is bounded.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::wire {

struct SseEvent {
    std::string_view name; // empty where the stream named none ("message")
    std::string_view data;
    std::string_view id; // the last event id in force
};

class SseDecoder {
public:
    explicit SseDecoder(std::size_t event_bytes_max) : event_bytes_max_(event_bytes_max) {}

    // Consumes bytes up to the end of the next event. True: `event` holds it, valid until the next
    // call and as long as the bytes are, and `bytes` begins after it. False: everything was used,
    // or overflowed().
    bool next(std::string_view& bytes, SseEvent& event);

    // An event or line grew past the bound; the stream cannot be trusted any further.
    bool overflowed() const { return overflowed_; }
    // Whether bytes of an unfinished event are held (at the end of input they are dropped, as the
    // standard says).
    bool mid_event() const { return !line_.empty() || (has_data_ && !dispatched_); }

private:
    enum class Lies : std::uint8_t { in_input, in_line };
    void take_field(std::string_view line, Lies where);
    void keep_lone();
    bool drop_byte_order_mark(std::string_view& bytes);

    std::size_t event_bytes_max_;
    std::string line_; // of a line cut by a piece boundary
    std::string data_;
    std::string_view lone_; // the only data line so far, where it lies in the caller's bytes
    std::string name_;
    std::string id_;
    bool has_data_ = false;
    bool after_cr_ = false;   // an LF now belongs to the CR before it
    bool dispatched_ = false; // data_ and name_ were handed out: clear them first
    bool overflowed_ = false;
    std::size_t mark_seen_ =
        0; // bytes of the byte order mark met at the very start; 3 when past it
};

} // namespace weir::wire
