#pragma once
// Random names in letters and digits: base62 texts for keys and ids, UUIDv7 (RFC 9562) for holds.

#include "base/clock.h"

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

inline constexpr std::string_view base62_digits =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

// `length` characters, each uniformly one of 62 (5.95 bits).
std::string random_base62(Random& random, std::size_t length);
bool is_base62(std::string_view text);
// `value` in exactly six base62 characters (62^6 > 2^32).
std::string base62_of_32_bits(std::uint32_t value);

struct Uuid {
    std::array<unsigned char, 16> bytes{};
    friend auto operator<=>(const Uuid&, const Uuid&) = default;

    static Uuid make_v7(WallTime now, Random& random);
    std::string text() const; // 8-4-4-4-12 lower case
};

} // namespace weir

template <>
struct std::hash<weir::Uuid> {
    std::size_t operator()(const weir::Uuid& id) const noexcept;
};
