#pragma once
// Takes the framing off a body, piece by piece: by length, in chunks (RFC 9112, section 7.1), or
// until the peer closes. The pieces handed out are slices of the input. Chunk extensions and
// trailers are checked, bounded and dropped.

#include "wire/fields.h"

#include <cstdint>
#include <string_view>

namespace weir::wire {

class BodyDecoder {
public:
    BodyDecoder() = default;
    explicit BodyDecoder(const Framing& framing);

    struct Step {
        std::size_t used = 0;   // bytes of the input that were consumed
        std::string_view piece; // body bytes among them, perhaps none
        bool done = false;      // the body has ended; what follows belongs to the next message
    };
    // Call again with the rest of the input until it is used up or the body is done.
    // Errors: 400 for bad chunks. After an error the message cannot be continued.
    Parsed<Step> feed(std::string_view bytes);

    bool done() const { return state_ == State::done; }
    // The peer closed: whether that is a proper end (done, or framed by the close).
    bool complete_at_end_of_input();
    std::uint64_t received() const { return received_; } // body bytes handed out
    // What is known to come in all: the bytes handed out and those that a length or chunk size has
    // announced.
    std::uint64_t announced() const { return received_ + left_; }

private:
    enum class State : std::uint8_t {
        sized,           // `left_` bytes of a body with a length remain
        until_close,     // everything is body
        chunk_size,      // reading the size digits
        chunk_extension, // after the digits, up to CR
        chunk_size_lf,   // LF of the size line
        chunk_data,      // `left_` bytes of a chunk remain
        chunk_data_cr,   // CR after the data
        chunk_data_lf,   // LF after the data
        trailer,         // trailer lines after the last chunk
        done,
    };
    Parsed<void> feed_control(char c);
    Parsed<void> feed_trailer(char c);

    State state_ = State::done;
    std::uint64_t left_ = 0;
    std::uint64_t received_ = 0;
    std::uint32_t digits_ = 0;
    std::uint32_t extra_ = 0;       // bytes of extensions or trailers so far
    std::uint32_t line_length_ = 0; // of the trailer line in progress
    bool last_chunk_ = false;
    bool saw_cr_ = false;
    bool past_colon_ = false; // of the trailer line in progress
};

} // namespace weir::wire
