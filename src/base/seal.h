#pragma once
// Secrets at rest: XChaCha20-Poly1305 with a random 192-bit nonce (libsodium's crypto_aead_
// xchacha20poly1305_ietf, draft-irtf-cfrg-xchacha), under a key derived from the master key for one
// purpose. What is sealed for one context does not open in another. Thread: any.

#include "base/clock.h"
#include "base/secret.h"

#include <optional>
#include <string>
#include <string_view>

namespace weir {

class Seal {
public:
    Seal(const Secret& master, std::string_view purpose);

    // The nonce, then the ciphertext with its tag.
    std::string seal(const Secret& secret, std::string_view context, Random& random) const;
    // nullopt where it was sealed otherwise, or changed since.
    std::optional<Secret> open(std::string_view sealed, std::string_view context) const;

private:
    Secret key_;
};

} // namespace weir
