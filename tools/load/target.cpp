#include "target.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>

namespace load {
namespace {

bool set_address(Target& target, const std::string& host, std::uint16_t port) {
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_port = htons(port);
    const std::string literal = host == "localhost" ? "127.0.0.1" : host;
    if (inet_pton(AF_INET, literal.c_str(), &four.sin_addr) == 1) {
        if ((ntohl(four.sin_addr.s_addr) >> 24U) != 127) return false;
        std::memcpy(&target.address, &four, sizeof four);
        target.address_size = sizeof four;
        return true;
    }
    target.address.sin6_family = AF_INET6;
    target.address.sin6_port = htons(port);
    target.address_size = sizeof target.address;
    return literal == "[::1]" && inet_pton(AF_INET6, "::1", &target.address.sin6_addr) == 1;
}

} // namespace

std::expected<Target, std::string> parse_target(std::string_view url) {
    constexpr std::string_view scheme = "http://";
    if (!url.starts_with(scheme)) return std::unexpected("--url wants http://ADDRESS:PORT/PATH");
    url.remove_prefix(scheme.size());
    const std::size_t slash = std::min(url.find('/'), url.size());
    const std::string_view authority = url.substr(0, slash);
    const std::size_t colon = authority.rfind(':');
    std::uint16_t port = 0;
    if (colon != std::string_view::npos) {
        const std::string_view digits = authority.substr(colon + 1);
        std::from_chars(digits.data(), digits.data() + digits.size(), port);
    }
    if (port == 0) return std::unexpected("--url needs a port");
    Target target;
    target.authority = authority;
    target.path = slash == url.size() ? "/" : std::string(url.substr(slash));
    if (!set_address(target, std::string(authority.substr(0, colon)), port)) {
        return std::unexpected(
            "only loopback addresses may be loaded (127.x.x.x, [::1], localhost)");
    }
    return target;
}

} // namespace load
