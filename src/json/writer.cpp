#include "json/writer.h"

#include "base/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace weir::json {
namespace {

constexpr std::string_view hex = "0123456789abcdef";

void append_escaped(std::string& out, char c) {
    switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default:
        out += "\\u00";
        out.push_back(hex[static_cast<unsigned char>(c) >> 4]);
        out.push_back(hex[static_cast<unsigned char>(c) & 15]);
    }
}

bool needs_escape(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; }

// Whether any of eight bytes needs an escape: the usual tests for a byte below or equal to a value,
// in one word.
bool any_needs_escape(const char* bytes) {
    constexpr std::uint64_t ones = 0x0101010101010101;
    constexpr std::uint64_t highs = 0x8080808080808080;
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, sizeof word);
    const auto has_zero = [](std::uint64_t w) { return (w - ones) & ~w & highs; };
    const std::uint64_t below_space = (word - ones * 0x20) & ~word & highs;
    return (below_space | has_zero(word ^ (ones * '"')) | has_zero(word ^ (ones * '\\'))) != 0;
}

} // namespace

void append_quoted(std::string& out, std::string_view text) {
    out.push_back('"');
    std::size_t done = 0;
    std::size_t i = 0;
    while (i < text.size()) {
        if (text.size() - i >= 8 && !any_needs_escape(text.data() + i)) {
            i += 8;
            continue;
        }
        const std::size_t end = std::min(text.size(), i + 8);
        for (; i < end; ++i) {
            if (!needs_escape(text[i])) continue;
            out.append(text, done, i - done);
            append_escaped(out, text[i]);
            done = i + 1;
        }
    }
    out.append(text, done);
    out.push_back('"');
}

void Writer::separate() {
    if (!first_) out_.push_back(',');
    first_ = false;
}

Writer& Writer::begin_object() {
    separate();
    out_.push_back('{');
    first_ = true;
    return *this;
}

Writer& Writer::end_object() {
    out_.push_back('}');
    first_ = false;
    return *this;
}

Writer& Writer::begin_array() {
    separate();
    out_.push_back('[');
    first_ = true;
    return *this;
}

Writer& Writer::end_array() {
    out_.push_back(']');
    first_ = false;
    return *this;
}

Writer& Writer::key(std::string_view name) {
    separate();
    append_quoted(out_, name);
    out_.push_back(':');
    first_ = true;
    return *this;
}

Writer& Writer::value(std::string_view text) {
    separate();
    append_quoted(out_, text);
    return *this;
}

Writer& Writer::value(std::int64_t number) {
    separate();
    append_decimal(out_, number);
    return *this;
}

Writer& Writer::value(std::uint64_t number) {
    separate();
    std::array<char, 24> digits;
    const auto [end, fault] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
    out_.append(digits.data(), end);
    return *this;
}

Writer& Writer::value(double number) {
    if (!std::isfinite(number)) return null();
    separate();
    std::array<char, 32> digits;
    const auto [end, fault] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
    out_.append(digits.data(), end);
    return *this;
}

Writer& Writer::raw(std::string_view json) {
    separate();
    out_ += json;
    return *this;
}

} // namespace weir::json
