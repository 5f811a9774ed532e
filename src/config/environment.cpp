#include "config/environment.h"

#include <cstdlib>

namespace weir::config {

Environment process_environment() {
    return [](const std::string& name) -> std::optional<std::string> {
        const char* const value = std::getenv(name.c_str());
        if (value == nullptr || *value == '\0') return std::nullopt;
        return value;
    };
}

} // namespace weir::config
