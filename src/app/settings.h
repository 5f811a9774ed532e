#pragma once
// Where a command finds its configuration and its data directory, the same way for every command:
// flags first, then WEIR_CONFIG and WEIR_DATA_DIR, then the file, then the defaults.

#include "base/error.h"
#include "config/load.h"

#include <memory>
#include <string>

namespace weir::app {

struct Flags {
    std::string config;
    std::string data_dir;
    std::string listen;
};

struct Settings {
    std::shared_ptr<const config::Config> config;
    std::string file; // the configuration file, or empty
};

// With every fault of the file, one a line, as the refusal.
std::expected<Settings, config::Refusal> load_settings(const Flags& flags,
                                                       const config::Environment& environment);
// The data directory alone, also where the file is bad or absent.
std::string find_data_dir(const Flags& flags, const config::Environment& environment);
// The file that flags and environment name, else ./weir.yaml where there is one, else empty.
std::string find_config_file(const Flags& flags, const config::Environment& environment);

} // namespace weir::app
