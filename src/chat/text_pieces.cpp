#include "chat/text_pieces.h"

#include <array>
#include <cstddef>
#include <unicode/uchar.h>

namespace weir::chat {
namespace {

// What the patterns ask of a character.
enum Kind : std::uint8_t {
    upper = 1,    // may begin a word: Lu Lt Lm Lo M
    lower = 2,    // may end a word: Ll Lm Lo M
    letter = 4,   // L
    number = 8,   // N
    space = 16,   // white space, line ends too
    newline = 32, // CR or LF
};

std::uint8_t kind_of_any(char32_t c) {
    if (c == '\r' || c == '\n') return space | newline;
    if (u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_WHITE_SPACE)) return space;
    switch (u_charType(static_cast<UChar32>(c))) {
    case U_UPPERCASE_LETTER:
    case U_TITLECASE_LETTER: return upper | letter;
    case U_LOWERCASE_LETTER: return lower | letter;
    case U_MODIFIER_LETTER:
    case U_OTHER_LETTER: return upper | lower | letter;
    case U_NON_SPACING_MARK:
    case U_ENCLOSING_MARK:
    case U_COMBINING_SPACING_MARK: return upper | lower;
    case U_DECIMAL_DIGIT_NUMBER:
    case U_LETTER_NUMBER:
    case U_OTHER_NUMBER: return number;
    default: return 0;
    }
}

const std::array<std::uint8_t, 128> ascii_kinds = [] {
    std::array<std::uint8_t, 128> out{};
    for (std::size_t c = 0; c < out.size(); ++c) out[c] = kind_of_any(static_cast<char32_t>(c));
    return out;
}();

struct Character {
    std::uint8_t kind = 0;
    std::uint8_t length = 0; // bytes; 0 at the end of the text
    bool is(unsigned kinds) const { return (kind & kinds) != 0; }
};

class Cutter {
public:
    explicit Cutter(std::string_view text) : text_(text) {}

    // The length of the first piece.
    std::size_t cut(Encoding encoding) const {
        const bool old = encoding == Encoding::cl100k_base;
        const Character first = at(0);
        if (old)
            if (const std::size_t end = contraction(0)) return end;
        // One character before a word belongs to it, unless it is a letter, a number or a line end.
        const bool leads = !first.is(letter | number | newline);
        if (leads)
            if (const std::size_t end = old ? letters(first.length) : word(first.length))
                return end;
        if (const std::size_t end = old ? letters(0) : word(0)) return end;
        if (!old) {
            if (leads)
                if (const std::size_t end = capitals(first.length)) return end;
            if (const std::size_t end = capitals(0)) return end;
        }
        if (first.is(number)) return numbers();
        if (const std::size_t end = signs(first, old)) return end;
        return spaces();
    }

private:
    Character at(std::size_t i) const {
        if (i >= text_.size()) return {};
        const auto byte = [&](std::size_t k) {
            return k < text_.size() ? static_cast<unsigned char>(text_[k]) : 0U;
        };
        const unsigned lead = byte(i);
        if (lead < 0x80) return {ascii_kinds[lead], 1};
        const std::uint8_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        char32_t c = lead & (0xffU >> (length + 1));
        for (std::uint8_t k = 1; k < length; ++k) c = c << 6 | (byte(i + k) & 0x3f);
        return {kind_of_any(c), length};
    }
    std::size_t run(std::size_t from, unsigned kinds) const {
        for (Character c = at(from); c.length > 0 && c.is(kinds); c = at(from)) from += c.length;
        return from;
    }

    // 's 't 're 've 'm 'll 'd, in either case; 0 where there is none.
    std::size_t contraction(std::size_t from) const {
        if (from >= text_.size() || text_[from] != '\'') return 0;
        const auto small = [&](std::size_t i) {
            const char c = i < text_.size() ? text_[i] : '\0';
            return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        };
        const char a = small(from + 1);
        if (a == 's' || a == 't' || a == 'm' || a == 'd') return from + 2;
        const char b = small(from + 2);
        const bool pair =
            (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l');
        return pair ? from + 3 : 0;
    }
    std::size_t with_contraction(std::size_t end) const {
        const std::size_t longer = contraction(end);
        return longer > 0 ? longer : end;
    }

    // cl100k: letters of any case. 0, here and below, where nothing matches.
    std::size_t letters(std::size_t from) const {
        const std::size_t end = run(from, letter);
        return end > from ? end : 0;
    }
    // o200k: capitals, then at least one character that may end a word. Where the capitals took
    // all of those, the word ends behind the last one among them.
    std::size_t word(std::size_t from) const {
        std::size_t last = 0;
        std::size_t i = from;
        for (Character c = at(i); c.length > 0 && c.is(upper); c = at(i)) {
            i += c.length;
            if (c.is(lower)) last = i;
        }
        const std::size_t end = run(i, lower);
        if (end > i) return with_contraction(end);
        return last > 0 ? with_contraction(last) : 0;
    }
    // o200k: a word of capitals alone.
    std::size_t capitals(std::size_t from) const {
        const std::size_t end = run(from, upper);
        return end > from ? with_contraction(end) : 0;
    }
    std::size_t numbers() const {
        std::size_t end = 0;
        for (int digits = 0; digits < 3 && at(end).is(number); ++digits) end += at(end).length;
        return end;
    }
    // Neither letters nor numbers nor white space, perhaps after one space, and the line ends (in
    // o200k slashes too) behind them.
    std::size_t signs(Character first, bool old) const {
        const auto sign = [&](std::size_t i) {
            const Character c = at(i);
            return c.length > 0 && !c.is(letter | number | space) ? c.length : std::uint8_t{0};
        };
        std::size_t end = text_.front() == ' ' ? first.length : 0;
        const std::size_t begin = end;
        while (const std::uint8_t length = sign(end)) end += length;
        if (end == begin) return 0;
        const auto trails = [&](char c) { return c == '\r' || c == '\n' || (!old && c == '/'); };
        while (end < text_.size() && trails(text_[end])) ++end;
        return end;
    }
    // White space up to its last line end; else all of it but the last character, which belongs to
    // what follows; else that one.
    std::size_t spaces() const {
        std::size_t end = 0;
        std::size_t last = 0;     // where the last character begins
        std::size_t newlines = 0; // behind the last line end
        for (Character c = at(0); c.length > 0 && c.is(space); c = at(end)) {
            last = end;
            end += c.length;
            if (c.is(newline)) newlines = end;
        }
        if (newlines > 0) return newlines;
        if (end == text_.size() || last == 0) return end;
        return last;
    }

    std::string_view text_;
};

} // namespace

std::string_view take_piece(std::string_view& text, Encoding encoding) {
    const std::size_t length = text.empty() ? 0 : Cutter(text).cut(encoding);
    const std::string_view piece = text.substr(0, length);
    text.remove_prefix(piece.size());
    return piece;
}

} // namespace weir::chat
