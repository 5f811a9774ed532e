#include "base/address.h"

#include "base/text.h"

#include <algorithm>
#include <fmt/core.h>

namespace weir {
namespace {

constexpr std::array<unsigned char, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

} // namespace

Address Address::from_v4(std::array<unsigned char, 4> octets) {
    Address out;
    std::ranges::copy(mapped, out.bytes.begin());
    std::ranges::copy(octets, out.bytes.begin() + 12);
    return out;
}

bool Address::is_v4() const { return std::equal(mapped.begin(), mapped.end(), bytes.begin()); }

bool Address::is_loopback() const {
    if (is_v4()) return bytes[12] == 127;
    return bytes[15] == 1 &&
           std::all_of(bytes.begin(), bytes.end() - 1, [](auto b) { return b == 0; });
}

bool Address::is_private() const {
    if (is_loopback()) return true;
    if (is_v4()) {
        const auto a = bytes[12];
        const auto b = bytes[13];
        return a == 0 || a == 10 || (a == 172 && b >= 16 && b < 32) || (a == 192 && b == 168) ||
               (a == 169 && b == 254) || (a == 100 && b >= 64 && b < 128) || a >= 224;
    }
    const bool unspecified = std::ranges::all_of(bytes, [](auto b) { return b == 0; });
    const bool unique_local = (bytes[0] & 0xfe) == 0xfc;
    const bool link_local = bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
    return unspecified || unique_local || link_local || bytes[0] == 0xff;
}

Address Address::prefix(int bits) const {
    Address out = *this;
    int keep = is_v4() ? bits + 96 : bits;
    for (auto& byte : out.bytes) {
        if (keep <= 0) byte = 0;
        else if (keep < 8) byte = static_cast<unsigned char>(byte & (0xff << (8 - keep)));
        keep -= 8;
    }
    return out;
}

std::string Address::text() const {
    std::string out;
    if (is_v4()) {
        for (std::size_t i = 12; i < 16; ++i) {
            if (i > 12) out.push_back('.');
            append_decimal(out, bytes[i]);
        }
        return out;
    }
    for (std::size_t i = 0; i < 16; i += 2)
        out += fmt::format("{}{:x}", i == 0 ? "" : ":", (bytes[i] << 8) | bytes[i + 1]);
    return out;
}

bool Network::contains(const Address& candidate) const {
    return address.is_v4() == candidate.is_v4() && candidate.prefix(bits) == address.prefix(bits);
}

} // namespace weir
