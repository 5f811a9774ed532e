#pragma once
// How many tokens a text is. Exact for the vocabularies cl100k_base and o200k_base, which are built
// in; other models' texts are counted with o200k_base, and what comes out wants calibration.
// Linear in the text (n log n within one word), whatever it says.
// Thread: any. The first use of a vocabulary reads it, in some ten milliseconds.

#include "chat/byte_pairs.h"
#include "chat/text_pieces.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace weir::chat {

struct Counting {
    Encoding encoding = Encoding::o200k_base;
    enum class Exactness : std::uint8_t { exact, similar } exactness = Exactness::similar;
};
// By the name that the provider knows the model by, with or without an organisation before it.
Counting counting_of(std::string_view model);

// Special tokens are text like any other: a caller cannot speak them.
std::int64_t count_tokens(std::string_view text, Encoding encoding);
std::vector<std::uint32_t> encode_tokens(std::string_view text, Encoding encoding);

// The vocabulary, for reading it before the first request wants it.
const BytePairs& byte_pairs(Encoding encoding);

} // namespace weir::chat
