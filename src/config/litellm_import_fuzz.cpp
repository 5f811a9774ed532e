// Whatever is to be imported: a refusal or a text of bounded size, never a crash or a hang.

#include "config/litellm_import.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto imported = weir::config::import_litellm("config.yaml", text);
    if (imported && imported->yaml.size() > 8'000'000 + 400 * size) std::abort();
    return 0;
}
