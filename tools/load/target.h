// Where the load goes: an http URL on this machine. Load is only ever driven at loopback addresses.
#pragma once

#include <netinet/in.h>

#include <expected>
#include <string>
#include <string_view>

namespace load {

struct Target {
    sockaddr_in6 address{}; // large enough for both families
    socklen_t address_size = 0;
    std::string authority; // for the Host header
    std::string path;
};

// Errors: one line.
std::expected<Target, std::string> parse_target(std::string_view url);

} // namespace load
