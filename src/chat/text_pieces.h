#pragma once
// How a text is cut into pieces before its bytes are paired into tokens: what the vocabularies'
// own patterns match, one piece after another (openai/tiktoken, tiktoken_ext/openai_public.py),
// written out by hand so that it takes linear time on any text. Letters, numbers and marks are
// Unicode's (ICU); white space is Unicode's White_Space, as in the original.

#include <cstdint>
#include <string_view>

namespace weir::chat {

enum class Encoding : std::uint8_t { cl100k_base, o200k_base };

// The next piece of a text, which is shortened by it; never empty for a text that is not.
// Requires: valid UTF-8.
std::string_view take_piece(std::string_view& text, Encoding encoding);

} // namespace weir::chat
