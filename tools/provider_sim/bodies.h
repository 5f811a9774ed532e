// The JSON that is the same in streams and whole answers: usage, errors, the whole completion.
// Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "text_source.h"

namespace sim {

// What an answer is called.
struct Title {
    std::uint64_t id = 0;
    std::uint64_t created = 0; // unix seconds
    std::string_view model;
};

struct Counts {
    std::uint64_t input = 0;
    std::uint64_t output = 0;
    std::uint64_t reasoning = 0; // of output
};

// The value of "usage", with the script's lies.
void append_usage(std::string& out, const Script& script, Counts counts);

struct ErrorText {
    std::uint32_t status = 500;
    std::string_view message;
    std::string_view type; // empty: what OpenAI uses with that status
    std::string_view code; // the same
};

// `{"error":{...}}` as OpenAI writes it.
std::string error_json(ErrorText error);

std::string_view finish_reason(const Script& script, const TextSource& text);

// A chat.completion. `text` is used up and its tokens are added to `counts`.
std::string completion_json(const Script& script, Title title, TextSource& text, Counts& counts);

std::string_view reason_phrase(std::uint32_t status);

} // namespace sim
