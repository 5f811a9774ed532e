#pragma once
// One HTTP request over a unix socket, for commands that talk to the running server.

#include "base/error.h"
#include "net/loop.h"

#include <functional>
#include <string>
#include <string_view>

namespace weir::net {

struct UnixRequest {
    std::string socket; // a path
    std::string method;
    std::string target;
    std::string body;                                              // JSON, or empty
    std::chrono::milliseconds patience = std::chrono::seconds(10); // without a byte
};

// Returns the status; the body goes to `piece` as it comes.
// Errors: upstream_unavailable where no server listens there; upstream_error where the talk broke
// off.
Task<Result<int>> unix_call(Loop& loop, UnixRequest request,
                            std::function<void(std::string_view)> piece);

} // namespace weir::net
