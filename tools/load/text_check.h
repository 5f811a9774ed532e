// Compares an answer's text, piece by piece, with what the simulator's generator must have written.
// One per answer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "grammar.h"

namespace load {

class TextCheck {
public:
    // Lifetime: both outlive it. `prompt` is the answer of an echo script.
    TextCheck(const sim::Script& script, std::string_view prompt);

    // False at the first wrong byte, or one too many.
    bool feed(std::string_view text);

    // Everything has come.
    bool complete() const { return at_ == expected_.size() && chunk_ == chunks_; }

    // The stamp that feed() went past last, or 0 when there was none since the last call.
    std::uint64_t take_stamp();

private:
    void next_chunk();
    bool read_stamp(char digit);

    const sim::Script& script_;
    const std::string_view prompt_;
    const std::uint32_t chunks_;
    std::uint32_t chunk_ = 0; // begun so far
    std::string expected_;    // the current chunk
    std::size_t at_ = 0;
    std::size_t stamp_begin_ = 0; // within the chunk; equal to the end when there is none
    std::size_t stamp_end_ = 0;
    std::uint64_t reading_ = 0;
    std::uint64_t stamp_ = 0;
};

} // namespace load
