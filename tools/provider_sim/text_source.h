// The text of one answer, chunk by chunk: generated, or an echo of the prompt. Appends it as the
// inside of a JSON string.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "grammar.h"

namespace sim {

// What the answer is made for.
struct Prompt {
    std::uint64_t tokens = 0;
    std::string echo; // the last user message, kept only when the script asks for it
    std::optional<std::uint64_t> max_tokens;
    bool include_usage = false;
};

class TextSource {
public:
    // Lifetime: the script outlives it.
    TextSource(const Script& script, const Prompt& prompt);

    bool done() const { return done_; }
    bool cut_short() const { return cut_short_; }
    std::uint32_t written() const { return written_; }
    std::uint64_t tokens() const { return tokens_; }

    // Requires: !done(). Returns the chunk's tokens.
    std::uint64_t append_next(std::string& json, std::uint64_t stamp_ns);

private:
    std::string_view next_echo() const;
    std::size_t next_bytes() const;
    void look_ahead();

    const Script& script_;
    const std::string echo_;
    std::size_t echo_at_ = 0;
    std::uint64_t token_limit_;
    std::uint64_t tokens_ = 0;
    std::uint32_t written_ = 0;
    bool done_ = false;
    bool cut_short_ = false;
};

} // namespace sim
