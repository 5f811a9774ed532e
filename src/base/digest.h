#pragma once
// Keyed BLAKE2b-256 (libsodium's crypto_generichash, RFC 7693) and CRC-32 (IEEE, for checksums that
// catch typing errors, not attackers).

#include "base/error.h"

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace weir {

// Once, before anything else here is used. Errors: internal.
Result<void> start_cryptography();

using Digest = std::array<unsigned char, 32>;

// `key` may be empty (a plain hash) or 16 to 64 bytes.
Digest keyed_digest(std::string_view key, std::string_view message);

// SipHash-2-4 under a 16-byte key: for tables whose keys an attacker chooses.
using HashKey = std::array<unsigned char, 16>;
std::uint64_t keyed_hash(const HashKey& key, std::string_view message);

std::uint32_t crc32(std::string_view message);

} // namespace weir
