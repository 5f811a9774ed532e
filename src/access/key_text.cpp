#include "access/key_text.h"

#include "base/token_text.h"

namespace weir::access {
namespace {

constexpr std::string_view prefix = "sk-weir-";
constexpr std::size_t public_length = 12;
constexpr std::size_t secret_length = 32;
constexpr std::size_t checksum_length = 6;

std::string checksum(std::string_view text) { return base62_of_32_bits(crc32(text)); }

} // namespace

KeyText KeyText::make(Random& random) {
    return {random_base62(random, public_length), Secret(random_base62(random, secret_length))};
}

std::string KeyText::text() const {
    std::string out(prefix);
    out += public_id;
    out.push_back('-');
    out += secret.reveal();
    return out + checksum(out);
}

std::optional<KeyParts> parse_key(std::string_view text) {
    constexpr std::size_t length =
        prefix.size() + public_length + 1 + secret_length + checksum_length;
    if (text.size() != length || !text.starts_with(prefix)) return std::nullopt;
    const std::string_view body = text.substr(0, length - checksum_length);
    if (checksum(body) != text.substr(body.size())) return std::nullopt;
    const KeyParts parts{body.substr(prefix.size(), public_length),
                         body.substr(body.size() - secret_length)};
    if (body[prefix.size() + public_length] != '-' || !is_base62(parts.public_id) ||
        !is_base62(parts.secret))
        return std::nullopt;
    return parts;
}

Digest key_hash(const Secret& pepper, std::string_view secret) {
    return keyed_digest(pepper.reveal(), secret);
}

} // namespace weir::access
