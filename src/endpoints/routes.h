#pragma once
// The one table of what is served: method, path, who may call it, and the handler.

#include "endpoints/context.h"

#include <span>
#include <string_view>

namespace weir::endpoints {

enum class Who : std::uint8_t {
    anyone,        // no credential is looked at
    key,           // the handler identifies the caller
    administrator, // an administrator's key made with --admin, or the control socket
};

struct Route {
    std::string_view method;
    std::string_view path; // one that ends with "/*" takes any rest
    Who who;
    Handle handle;
};

std::span<const Route> routes();

// How a path and method meet the table.
struct Match {
    const Route* route = nullptr; // null: nothing fits
    std::string_view rest;
    std::string allow; // the methods of the path, where only the method did not fit
};
Match match(std::string_view method, std::string_view path);

} // namespace weir::endpoints
