#pragma once
// One pattern of a content rule, over bytes: the part of Perl's regular expressions that has no
// memory (classes, groups, alternatives, counted repetition, \b \B \A \z). Vectorscan looks for all
// patterns at once and says where one ends; this says where that match begins and how far it goes:
// the leftmost one, and the longest from there. Simulates the automaton of Thompson (1968), so that
// no text is read twice at one start.

#include "base/error.h"

#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::filter {

struct Span {
    std::size_t begin = 0;
    std::size_t end = 0;
};

class Pattern {
public:
    // Errors: invalid_value, saying what is not understood, and where.
    static Result<Pattern> parse(std::string_view text);

    // The same for Vectorscan, whose match is a match here.
    const std::string& expression() const { return expression_; }
    // The longest that a match can be; nullopt where there is no bound.
    std::optional<std::size_t> width() const { return width_; }

    // The longest match that begins there. Steps are taken from `budget`; nullopt at its end too.
    std::optional<std::size_t> longest(std::string_view text, std::size_t begin,
                                       std::int64_t& budget) const;
    // The leftmost match that ends at `end` or goes on there, and begins at `from` or later.
    std::optional<Span> around(std::string_view text, std::size_t from, std::size_t end,
                               std::int64_t& budget) const;

    using Bytes = std::bitset<256>;

private:
    friend class PatternReader;
    enum class Kind : std::uint8_t { byte, split, jump, assertion, match };
    struct Step {
        Kind kind;
        std::uint16_t bytes = 0; // which set; of an assertion: its letter
        std::uint16_t next = 0;
        std::uint16_t other = 0;
    };
    struct Node;
    class Program;
    bool follow(std::string_view text, std::size_t at, std::uint16_t step,
                std::vector<std::uint16_t>& threads, std::vector<bool>& there) const;

    std::string expression_;
    std::optional<std::size_t> width_;
    std::vector<Step> steps_;
    std::vector<Bytes> sets_;
    Bytes first_; // a match begins with one of these
};

} // namespace weir::filter
