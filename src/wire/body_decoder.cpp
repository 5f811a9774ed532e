#include "wire/body_decoder.h"

#include "base/limits.h"

#include <algorithm>

namespace weir::wire {
namespace {

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool is_control(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && byte != '\t') || byte == 0x7f;
}

} // namespace

BodyDecoder::BodyDecoder(const Framing& framing) {
    switch (framing.kind) {
    case Framing::Kind::none: state_ = State::done; break;
    case Framing::Kind::length:
        left_ = framing.length;
        state_ = left_ == 0 ? State::done : State::sized;
        break;
    case Framing::Kind::chunked: state_ = State::chunk_size; break;
    case Framing::Kind::until_close: state_ = State::until_close; break;
    }
}

Parsed<BodyDecoder::Step> BodyDecoder::feed(std::string_view bytes) {
    Step step;
    while (step.used < bytes.size() && state_ != State::done) {
        if (state_ == State::sized || state_ == State::chunk_data || state_ == State::until_close) {
            const std::string_view rest = bytes.substr(step.used);
            step.piece = state_ == State::until_close
                             ? rest
                             : rest.substr(0, static_cast<std::size_t>(
                                                  std::min<std::uint64_t>(left_, rest.size())));
            step.used += step.piece.size();
            received_ += step.piece.size();
            if (state_ != State::until_close && (left_ -= step.piece.size()) == 0)
                state_ = state_ == State::sized ? State::done : State::chunk_data_cr;
            break;
        }
        if (auto fed = feed_control(bytes[step.used]); !fed) return std::unexpected(fed.error());
        ++step.used;
    }
    step.done = state_ == State::done;
    return step;
}

Parsed<void> BodyDecoder::feed_control(char c) {
    switch (state_) {
    case State::chunk_size: {
        const int digit = hex_value(c);
        if (digit >= 0) {
            // Fifteen digits fit in 60 bits: no size can overflow.
            if (++digits_ > 15) return malformed("a chunk size is too long");
            left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
            return {};
        }
        if (digits_ == 0) return malformed("a chunk size is missing");
        if (c == '\r') state_ = State::chunk_size_lf;
        else if (c == ';') state_ = State::chunk_extension;
        else return malformed("a chunk size holds a byte that is not a digit");
        return {};
    }
    case State::chunk_extension:
        if (c == '\r') {
            state_ = State::chunk_size_lf;
            return {};
        }
        if (is_control(c)) return malformed("a chunk extension holds a control byte");
        if (++extra_ > limits::chunk_extension_bytes)
            return malformed("chunk extensions are too long");
        return {};
    case State::chunk_size_lf:
        if (c != '\n') return malformed("a bare CR");
        last_chunk_ = left_ == 0;
        digits_ = 0;
        state_ = last_chunk_ ? State::trailer : State::chunk_data;
        if (last_chunk_) extra_ = 0;
        return {};
    case State::chunk_data_cr:
        if (c != '\r') return malformed("a chunk is longer than its size");
        state_ = State::chunk_data_lf;
        return {};
    case State::chunk_data_lf:
        if (c != '\n') return malformed("a bare CR");
        state_ = State::chunk_size;
        return {};
    default: return feed_trailer(c);
    }
}

Parsed<void> BodyDecoder::feed_trailer(char c) {
    if (++extra_ > limits::trailer_bytes) return malformed("the trailers are too long");
    if (saw_cr_) {
        if (c != '\n') return malformed("a bare CR");
        saw_cr_ = false;
        if (line_length_ == 0) state_ = State::done;
        line_length_ = 0;
        past_colon_ = false;
        return {};
    }
    if (c == '\r') {
        // Were any line taken, the head of a next request could vanish as the trailers of this one.
        if (line_length_ > 0 && !past_colon_) return malformed("a trailer line has no colon");
        saw_cr_ = true;
        return {};
    }
    if (past_colon_) {
        if (is_control(c)) return malformed("a trailer holds a control byte");
    } else if (c == ':' && line_length_ > 0) {
        past_colon_ = true;
    } else if (!is_token({&c, 1})) {
        return malformed("a trailer name holds a byte that is not allowed");
    }
    ++line_length_;
    return {};
}

bool BodyDecoder::complete_at_end_of_input() {
    if (state_ == State::until_close) state_ = State::done;
    return state_ == State::done;
}

} // namespace weir::wire
