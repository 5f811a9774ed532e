#include "net/address_text.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cstring>
#include <string>

namespace weir::net {

std::optional<Address> parse_address(std::string_view text) {
    if (text.size() > 46) return std::nullopt; // the longest IPv6 address in text
    const std::string zero_ended(text);
    in_addr v4{};
    if (::inet_pton(AF_INET, zero_ended.c_str(), &v4) == 1) {
        std::array<unsigned char, 4> octets{};
        std::memcpy(octets.data(), &v4, octets.size());
        return Address::from_v4(octets);
    }
    Address out;
    if (::inet_pton(AF_INET6, zero_ended.c_str(), out.bytes.data()) == 1) return out;
    return std::nullopt;
}

} // namespace weir::net
