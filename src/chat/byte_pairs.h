#pragma once
// Byte-pair encoding (Sennrich et al. 2016, on bytes as in GPT-2): of all neighbouring pairs whose
// bytes together are in the vocabulary, the one of lowest rank is joined, again and again, until
// there is none. Most pieces are words of the vocabulary and found at once; short ones are joined
// in an array, long ones over a heap, in n log n whatever the text.
// Immutable once made. Thread: any.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::chat {

class BytePairs {
public:
    // The vocabulary in the form of the npm package js-tiktoken: an object whose "bpe_ranks" is
    // "! FIRST BASE64 BASE64 …", the tokens by rank from FIRST on. nullopt where it is not.
    static std::optional<BytePairs> parse(std::string_view ranks);

    std::size_t size() const { return tokens_.size(); }
    // How many tokens a piece is. Requires: the vocabulary has every byte.
    std::size_t count(std::string_view piece) const;
    // The same with their ranks, added to `out`.
    void encode(std::string_view piece, std::vector<std::uint32_t>& out) const;

private:
    struct Token {
        std::uint32_t begin;
        std::uint32_t length;
    };
    struct Slot {
        std::uint64_t hash = 0; // of the bytes; 0: nothing stands here
        std::uint32_t rank = 0;
    };
    struct Part {
        std::uint32_t begin;
        std::uint32_t rank; // of this part and the next together
    };

    static constexpr std::uint32_t none = 0xffffffff;
    std::uint32_t rank_of(std::string_view bytes) const;
    std::uint32_t pair_rank(std::string_view piece, const std::vector<Part>& parts,
                            std::size_t i) const;
    void make_index();
    // Both leave the parts of the piece, and an empty one at its end.
    void join_short(std::string_view piece, std::vector<Part>& parts) const;
    void join_long(std::string_view piece, std::vector<Part>& parts) const;
    const std::vector<Part>& join(std::string_view piece) const;

    std::string bytes_; // of all tokens, one behind the other
    std::vector<Token> tokens_;
    std::vector<Slot> slots_; // open addressing, at most half full
    std::size_t longest_ = 0;
};

} // namespace weir::chat
