#include "chat/tokenizer.h"

#include "base/ensure.h"

#include <array>

// token_ranks.S: the two files as they are.
extern "C" const char weir_ranks_cl100k_base[];
extern "C" const char weir_ranks_cl100k_base_end[];
extern "C" const char weir_ranks_o200k_base[];
extern "C" const char weir_ranks_o200k_base_end[];

namespace weir::chat {
namespace {

BytePairs read(const char* begin, const char* end) {
    auto parsed = BytePairs::parse({begin, static_cast<std::size_t>(end - begin)});
    ensure(parsed.has_value(), "a vocabulary that was built in cannot be read");
    return parsed ? *std::move(parsed) : BytePairs();
}

struct Family {
    std::string_view prefix;
    Encoding encoding;
};
// The first that fits counts.
constexpr std::array<Family, 14> families{{
    {"gpt-4o", Encoding::o200k_base},
    {"gpt-4.", Encoding::o200k_base},
    {"gpt-5", Encoding::o200k_base},
    {"gpt-oss", Encoding::o200k_base},
    {"chatgpt-", Encoding::o200k_base},
    {"codex-", Encoding::o200k_base},
    {"o1", Encoding::o200k_base},
    {"o3", Encoding::o200k_base},
    {"o4", Encoding::o200k_base},
    {"gpt-4", Encoding::cl100k_base},
    {"gpt-3.5", Encoding::cl100k_base},
    {"gpt-35", Encoding::cl100k_base},
    {"text-embedding-3", Encoding::cl100k_base},
    {"text-embedding-ada-002", Encoding::cl100k_base},
}};

} // namespace

Counting counting_of(std::string_view model) {
    if (const std::size_t slash = model.rfind('/'); slash != std::string_view::npos)
        model.remove_prefix(slash + 1);
    for (const Family& family : families)
        if (model.starts_with(family.prefix)) return {family.encoding, Counting::Exactness::exact};
    return {};
}

const BytePairs& byte_pairs(Encoding encoding) {
    if (encoding == Encoding::cl100k_base) {
        static const BytePairs cl100k = read(weir_ranks_cl100k_base, weir_ranks_cl100k_base_end);
        return cl100k;
    }
    static const BytePairs o200k = read(weir_ranks_o200k_base, weir_ranks_o200k_base_end);
    return o200k;
}

std::int64_t count_tokens(std::string_view text, Encoding encoding) {
    const BytePairs& pairs = byte_pairs(encoding);
    std::size_t tokens = 0;
    while (!text.empty()) tokens += pairs.count(take_piece(text, encoding));
    return static_cast<std::int64_t>(tokens);
}

std::vector<std::uint32_t> encode_tokens(std::string_view text, Encoding encoding) {
    const BytePairs& pairs = byte_pairs(encoding);
    std::vector<std::uint32_t> out;
    while (!text.empty()) pairs.encode(take_piece(text, encoding), out);
    return out;
}

} // namespace weir::chat
