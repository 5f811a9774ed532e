#pragma once
// The process's environment as a value, so that tests bring their own.

#include <functional>
#include <optional>
#include <string>

namespace weir::config {

// The value of a variable; nullopt where it is unset or empty.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

Environment process_environment();

} // namespace weir::config
