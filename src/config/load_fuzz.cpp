// Whatever the file: faults, never a crash or a hang.

#include "config/load.h"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const weir::config::Environment environment =
        [](const std::string& name) -> std::optional<std::string> {
        return name == "A" ? std::optional<std::string>("value") : std::nullopt;
    };
    const std::string text(reinterpret_cast<const char*>(data), size);
    (void)weir::config::load("weir.yaml", text, environment);
    return 0;
}
