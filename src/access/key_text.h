#pragma once
// The text of an API key: sk-weir-<public id>-<secret><checksum>. The public id names the key and
// may be shown; the secret is 190 random bits; the checksum lets a scanner, and us, tell a mistyped
// key from a wrong one.

#include "base/clock.h"
#include "base/digest.h"
#include "base/secret.h"

#include <optional>
#include <string>
#include <string_view>

namespace weir::access {

struct KeyText {
    std::string public_id; // 12 base62 characters
    Secret secret;         // 32 base62 characters
    std::string text() const;

    static KeyText make(Random& random);
};

struct KeyParts {
    std::string_view public_id;
    std::string_view secret;
};
// nullopt where it is no key of ours or its checksum does not fit.
std::optional<KeyParts> parse_key(std::string_view text);

// What is stored instead of the secret: keyed BLAKE2b-256.
Digest key_hash(const Secret& pepper, std::string_view secret);

} // namespace weir::access
