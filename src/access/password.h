#pragma once
// Passwords at rest: argon2id (RFC 9106) by libsodium, with its parameters in the hash. Both calls
// take about a tenth of a second and 64 MiB: run them on the blocking pool.

#include "base/secret.h"

#include <string>

namespace weir::access {

std::string hash_password(const Secret& password);
bool password_matches(const Secret& password, const std::string& hash);

} // namespace weir::access
