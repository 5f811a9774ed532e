#include "base/seal.h"

#include "base/digest.h"

#include <array>
#include <sodium.h>

namespace weir {
namespace {

constexpr std::size_t nonce_bytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t tag_bytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == sizeof(Digest));

const unsigned char* bytes(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

Secret derived(const Secret& master, std::string_view purpose) {
    std::string message = "weir seal: ";
    message += purpose;
    // A key of any length, as the digest's own key has a most.
    Digest root = keyed_digest("", master.reveal());
    const std::string_view key(reinterpret_cast<const char*>(root.data()), root.size());
    Digest digest = keyed_digest(key, message);
    Secret out(std::string(reinterpret_cast<const char*>(digest.data()), digest.size()));
    sodium_memzero(digest.data(), digest.size());
    sodium_memzero(root.data(), root.size());
    return out;
}

} // namespace

Seal::Seal(const Secret& master, std::string_view purpose) : key_(derived(master, purpose)) {}

std::string Seal::seal(const Secret& secret, std::string_view context, Random& random) const {
    const std::string_view plain = secret.reveal();
    std::string out(nonce_bytes + plain.size() + tag_bytes, '\0');
    random.fill(std::as_writable_bytes(std::span(out.data(), nonce_bytes)));
    unsigned long long made = 0;
    crypto_aead_xchacha20poly1305_ietf_encrypt(bytes(out) + nonce_bytes, &made, bytes(plain),
                                               plain.size(), bytes(context), context.size(),
                                               nullptr, bytes(out), bytes(key_.reveal()));
    return out;
}

std::optional<Secret> Seal::open(std::string_view sealed, std::string_view context) const {
    if (sealed.size() < nonce_bytes + tag_bytes) return std::nullopt;
    std::string plain(sealed.size() - nonce_bytes - tag_bytes, '\0');
    unsigned long long made = 0;
    const int wrong = crypto_aead_xchacha20poly1305_ietf_decrypt(
        bytes(plain), &made, nullptr, bytes(sealed) + nonce_bytes, sealed.size() - nonce_bytes,
        bytes(context), context.size(), bytes(sealed), bytes(key_.reveal()));
    if (wrong != 0) return std::nullopt;
    return Secret(std::move(plain));
}

} // namespace weir
