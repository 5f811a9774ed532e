#pragma once
// An http or https URL as an operator writes it in the configuration: scheme, host, port and a path
// without query. User information and fragments are refused.

#include "base/error.h"

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::net {

enum class Scheme : std::uint8_t { http, https };

// Where to connect. `proxy` is an http URL's "host:port", or empty.
struct Origin {
    Scheme scheme = Scheme::http;
    std::string host;
    std::uint16_t port = 0;
    std::string proxy;
    friend auto operator<=>(const Origin&, const Origin&) = default;

    std::string authority() const; // for the Host header
};

struct Url {
    Origin origin;
    std::string path; // without a trailing '/', perhaps empty

    // Errors: invalid_value, with what is wrong.
    static Result<Url> parse(std::string_view text);
};

} // namespace weir::net
