#include "base/digest.h"

#include <sodium.h>

namespace weir {
namespace {

const unsigned char* bytes(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

constexpr std::array<std::uint32_t, 256> make_crc_table() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit)
            value = (value & 1) != 0 ? (value >> 1) ^ 0xedb88320u : value >> 1;
        table[i] = value;
    }
    return table;
}
constexpr auto crc_table = make_crc_table();

} // namespace

Result<void> start_cryptography() {
    if (sodium_init() < 0) return refuse(Errc::internal, "libsodium does not start");
    return {};
}

Digest keyed_digest(std::string_view key, std::string_view message) {
    Digest out{};
    crypto_generichash(out.data(), out.size(), bytes(message), message.size(),
                       key.empty() ? nullptr : bytes(key), key.size());
    return out;
}

std::uint32_t crc32(std::string_view message) {
    std::uint32_t value = 0xffffffffu;
    for (const char c : message)
        value = (value >> 8) ^ crc_table[(value ^ static_cast<unsigned char>(c)) & 0xff];
    return value ^ 0xffffffffu;
}

std::uint64_t keyed_hash(const HashKey& key, std::string_view message) {
    std::uint64_t out = 0;
    crypto_shorthash(reinterpret_cast<unsigned char*>(&out), bytes(message), message.size(),
                     key.data());
    return out;
}

} // namespace weir
