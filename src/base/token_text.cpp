#include "base/token_text.h"

#include "base/text.h"

#include <cstring>

namespace weir {

std::string random_base62(Random& random, std::size_t length) {
    std::string out;
    out.reserve(length);
    std::array<std::byte, 64> pool;
    while (out.size() < length) {
        random.fill(pool);
        for (const std::byte raw : pool) {
            // 248 = 4 * 62: what is above would favour the first digits.
            const auto value = static_cast<unsigned>(raw);
            if (value < 248 && out.size() < length) out.push_back(base62_digits[value % 62]);
        }
    }
    return out;
}

bool is_base62(std::string_view text) {
    return text.find_first_not_of(base62_digits) == std::string_view::npos;
}

std::string base62_of_32_bits(std::uint32_t value) {
    std::string out(6, '0');
    for (std::size_t i = out.size(); i > 0; --i, value /= 62)
        out[i - 1] = base62_digits[value % 62];
    return out;
}

Uuid Uuid::make_v7(WallTime now, Random& random) {
    Uuid id;
    random.fill(std::as_writable_bytes(std::span(id.bytes)));
    const auto ms = std::chrono::floor<std::chrono::milliseconds>(now).time_since_epoch().count();
    for (std::size_t i = 0; i < 6; ++i)
        id.bytes[i] = static_cast<unsigned char>(static_cast<std::uint64_t>(ms) >> (8 * (5 - i)));
    id.bytes[6] = static_cast<unsigned char>(0x70 | (id.bytes[6] & 0x0f));
    id.bytes[8] = static_cast<unsigned char>(0x80 | (id.bytes[8] & 0x3f));
    return id;
}

std::string Uuid::text() const {
    std::string hex = to_hex(bytes);
    for (const std::size_t at : {20u, 16u, 12u, 8u}) hex.insert(at, 1, '-');
    return hex;
}

} // namespace weir

std::size_t std::hash<weir::Uuid>::operator()(const weir::Uuid& id) const noexcept {
    std::size_t out = 0;
    std::memcpy(&out, id.bytes.data() + 8, sizeof out); // the random half
    return out;
}
