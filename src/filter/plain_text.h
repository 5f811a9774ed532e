#pragma once
// A text as a reader sees it: in Unicode's compatibility form (NFKC, UAX #15), without the
// characters that have no width. Knows where each of its bytes came from.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::filter {

struct PlainText {
    std::string text;
    std::vector<std::uint32_t> begins; // of the source, for each byte
    std::vector<std::uint32_t> ends;
};

// nullopt where the text is its own plain form. Requires: valid UTF-8 of less than 4 GiB.
std::optional<PlainText> plain_text(std::string_view text);

} // namespace weir::filter
