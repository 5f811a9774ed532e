#pragma once
// Keyed BLAKE2b-256 (libsodium's crypto_generichash, RFC 7693) and CRC-32 (IEEE, for checksums that
// catch typing errors, not attackers).

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace weir {

using Digest = std::array<unsigned char, 32>;

// `key` may be empty (a plain hash) or 16 to 64 bytes.
Digest keyed_digest(std::string_view key, std::string_view message);

std::uint32_t crc32(std::string_view message);

// The first eight bytes of a digest: enough to find a place to look, not to prove anything.
std::uint64_t short_digest(std::string_view message);

} // namespace weir
