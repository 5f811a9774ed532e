#include "chat/tokenizer.h"

#include <cstddef>
#include <cstdint>

// Any text falls into pieces that are its bytes again, and its tokens are no more than its bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace weir;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    for (const auto encoding : {chat::Encoding::cl100k_base, chat::Encoding::o200k_base}) {
        std::string_view rest = text;
        std::size_t bytes = 0;
        while (!rest.empty()) {
            const std::string_view piece = chat::take_piece(rest, encoding);
            if (piece.empty()) __builtin_trap();
            bytes += piece.size();
        }
        if (bytes != size) __builtin_trap();
        const std::int64_t tokens = chat::count_tokens(text, encoding);
        if (tokens < 0 || tokens > static_cast<std::int64_t>(size)) __builtin_trap();
    }
    return 0;
}
