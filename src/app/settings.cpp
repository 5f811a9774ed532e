#include "app/settings.h"

#include "app/local_providers.h"
#include "config/filter_file.h"
#include "config/known_providers.h"

#include <filesystem>

namespace weir::app {

std::string find_config_file(const Flags& flags, const config::Environment& environment) {
    if (!flags.config.empty()) return flags.config;
    if (const auto named = environment("WEIR_CONFIG")) return *named;
    std::error_code ignored;
    return std::filesystem::exists("weir.yaml", ignored) ? "weir.yaml" : "";
}

std::expected<Settings, config::Refusal> load_settings(const Flags& flags,
                                                       const config::Environment& environment) {
    Settings settings;
    settings.file = find_config_file(flags, environment);
    auto loaded = settings.file.empty() ? config::load("", "", environment)
                                        : config::load_file(settings.file, environment);
    if (!loaded) return std::unexpected(std::move(loaded).error());
    if (const auto rules = config::read_filter_files(*loaded, settings.file); !rules)
        return std::unexpected(rules.error());
    if (!flags.listen.empty()) loaded->listen = flags.listen;
    if (!flags.data_dir.empty()) loaded->data_dir = flags.data_dir;
    else if (const auto named = environment("WEIR_DATA_DIR")) loaded->data_dir = *named;
    if (settings.file.empty() && loaded->providers.empty()) add_local_providers(*loaded);
    config::complete(*loaded);
    settings.config = std::make_shared<const config::Config>(*std::move(loaded));
    return settings;
}

std::string find_data_dir(const Flags& flags, const config::Environment& environment) {
    if (!flags.data_dir.empty()) return flags.data_dir;
    if (const auto named = environment("WEIR_DATA_DIR")) return *named;
    const std::string file = find_config_file(flags, environment);
    if (file.empty()) return config::Config{}.data_dir;
    const auto loaded = config::load_file(file, environment);
    return loaded ? loaded->data_dir : config::Config{}.data_dir;
}

} // namespace weir::app
