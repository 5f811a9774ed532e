#include "access/password.h"

#include <array>
#include <new>
#include <sodium.h>

namespace weir::access {

std::string hash_password(const Secret& password) {
    std::array<char, crypto_pwhash_STRBYTES> out{};
    const std::string_view text = password.reveal();
    if (crypto_pwhash_str(out.data(), text.data(), text.size(), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                          crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0)
        throw std::bad_alloc();
    return out.data();
}

bool password_matches(const Secret& password, const std::string& hash) {
    const std::string_view text = password.reveal();
    return crypto_pwhash_str_verify(hash.c_str(), text.data(), text.size()) == 0;
}

} // namespace weir::access
