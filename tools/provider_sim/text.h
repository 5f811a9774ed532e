// The text of simulated answers, shared by the simulator that writes it and the load driver that
// checks it.
//
// Chunk k of an answer is exactly chunk_bytes(shape, k) bytes long and is made of
//   <k> ':'          its number in decimal
//   <20 digits> ':'  CLOCK_MONOTONIC in nanoseconds when it was written; only when stamped
//   letters          'a' + (k + p) % 26 at place p, or three-byte characters with utf8
//   ' '              the last byte
// cut off at the chunk's size where that is too small. A reader that knows the shape can therefore
// check every byte and sees at once which chunk is lost, doubled or damaged. Nothing in it needs
// escaping inside JSON. Pure functions.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace sim {

struct TextShape {
    std::uint32_t chunks = 8;
    std::uint32_t size = 16;
    std::uint32_t huge = 0; // when not 0, the bytes of chunk 0
    bool stamp = false;
    bool utf8 = false;
};

inline constexpr std::size_t stamp_digits = 20;

constexpr std::uint32_t chunk_bytes(const TextShape& shape, std::uint32_t k) {
    return k == 0 && shape.huge != 0 ? shape.huge : shape.size;
}

// One token for each four bytes of a chunk, rounded up.
constexpr std::uint64_t tokens_of(std::uint64_t bytes) { return (bytes + 3) / 4; }

// The characters U+4E00 to U+4EFF, all three bytes long.
inline void append_wide(std::string& out, std::uint32_t number) {
    const std::uint32_t point = 0x4E00 + number % 256;
    out += static_cast<char>(0xE0 | (point >> 12));
    out += static_cast<char>(0x80 | ((point >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (point & 0x3F));
}

inline void append_letters(std::string& out, std::uint32_t k, std::size_t count) {
    static constexpr std::string_view row = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
                                            "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
    // A piece of 78 bytes keeps the phase, because 78 is a multiple of 26.
    const std::size_t phase = k % 26;
    while (count > 0) {
        const std::size_t piece = std::min<std::size_t>(count, 78);
        out.append(row.substr(phase, piece));
        count -= piece;
    }
}

inline void append_number(std::string& out, std::uint64_t value, std::size_t least_digits) {
    char digits[24];
    std::size_t used = 0;
    do {
        digits[used++] = static_cast<char>('0' + value % 10);
        value /= 10;
    } while (value != 0);
    while (used < least_digits) digits[used++] = '0';
    while (used > 0) out += digits[--used];
}

inline void append_chunk(std::string& out, const TextShape& shape, std::uint32_t k,
                         std::uint64_t stamp_ns) {
    const std::size_t end = out.size() + chunk_bytes(shape, k);
    append_number(out, k, 1);
    out += ':';
    if (shape.stamp) {
        append_number(out, stamp_ns, stamp_digits);
        out += ':';
    }
    if (out.size() + 1 < end) {
        std::size_t room = end - out.size() - 1;
        for (std::uint32_t place = 0; shape.utf8 && room >= 3; ++place, room -= 3) {
            append_wide(out, k + place);
        }
        append_letters(out, k, room);
    }
    out.resize(end, ' ');
}

} // namespace sim
