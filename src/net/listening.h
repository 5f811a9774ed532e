#pragma once
// Listening sockets, made before any loop runs, so that a taken port is one clear line at the
// start.

#include "base/error.h"

#include <cstdint>
#include <string>

namespace weir::net {

// An address is "ADDR:PORT" or "[V6]:PORT"; port 0 picks one.
struct Listening {
    int descriptor = -1;
    std::uint16_t port = 0;
};
enum class Sharing : std::uint8_t { alone, reuse_port };
// Errors: conflict, with a line that says what to do next.
Result<Listening> listen_tcp(const std::string& address, Sharing sharing);
// Mode 0600; a stale socket file is replaced. Errors: conflict.
Result<Listening> listen_unix(const std::string& path);

} // namespace weir::net
