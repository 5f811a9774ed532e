// allow(orphan): the config commands of app/commands/commands.h.

#include "app/commands/commands.h"
#include "config/environment.h"
#include "config/litellm_import.h"
#include "filter/builtin_rules.h"

#include <algorithm>
#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <memory>

#include "json/writer.h"
#include "upstream/routes.h"

namespace weir::app {
namespace {

int check(const Common& common) {
    const auto environment = config::process_environment();
    auto settings = load_settings(common.flags, environment);
    if (!settings) {
        for (const std::string& fault : settings.error().faults) fmt::print(stderr, "{}\n", fault);
        return 1;
    }
    if (auto routes = upstream::Routes::create(settings->config); !routes) {
        fmt::print(stderr, "{}: {}\n", settings->file, routes.error().message());
        return 1;
    }
    if (auto rules = filter::rules_of(settings->config->filter); !rules) {
        fmt::print(stderr, "{}\n", rules.error().message());
        return 1;
    }
    fmt::print("{}\n", settings->file.empty() ? "no configuration file: the defaults hold"
                                              : settings->file + " is good");
    return 0;
}

int show(const Common& common) {
    auto settings = load_settings(common.flags, config::process_environment());
    if (!settings) {
        for (const std::string& fault : settings.error().faults) fmt::print(stderr, "{}\n", fault);
        return 1;
    }
    const auto& values = settings->config->origins;
    if (common.json) {
        std::string out;
        json::Writer writer(out);
        writer.begin_array();
        for (const config::Shown& value : values) {
            writer.begin_object().member("name", value.path).member("value", value.value);
            writer.member("origin", value.origin).end_object();
        }
        writer.end_array();
        fmt::print("{}\n", out);
        return 0;
    }
    std::size_t width = 0;
    std::size_t value_width = 0;
    for (const config::Shown& value : values) {
        width = std::max(width, value.path.size());
        value_width = std::max(value_width, std::min<std::size_t>(value.value.size(), 40));
    }
    for (const config::Shown& value : values)
        fmt::print("{:<{}}  {:<{}}  {}\n", value.path, width, value.value, value_width,
                   value.origin);
    return 0;
}

int import_litellm(const std::string& file) {
    std::string text;
    if (const auto read = config::read_file(file)) text = *read;
    else return fmt::print(stderr, "{}\n", read.error()), 1;
    const auto imported = config::import_litellm(file, text);
    if (!imported) {
        for (const std::string& fault : imported.error().faults) fmt::print(stderr, "{}\n", fault);
        return 1;
    }
    fmt::print("{}", imported->yaml);
    for (const std::string& what : imported->left_out) fmt::print(stderr, "left out: {}\n", what);
    // Whatever its variables hold: those of this machine need not be set.
    const config::Environment any = [](const std::string&) { return std::string("set"); };
    const auto again = config::load("weir.yaml", imported->yaml, any);
    if (again) return 0;
    for (const std::string& fault : again.error().faults)
        fmt::print(stderr, "to mend by hand: {}\n", fault);
    return 0;
}

} // namespace

void add_config_commands(CLI::App& app, Common& common) {
    auto* const family = app.add_subcommand("config", "look at the configuration");
    family->require_subcommand(1);
    family->add_subcommand("check", "every fault with file:line:column")->callback([&] {
        common.exit_code = check(common);
    });
    auto* const show_command = family->add_subcommand("show", "every value with its origin");
    show_command->add_flag("--json", common.json, "as JSON");
    show_command->callback([&] { common.exit_code = show(common); });
    family->add_subcommand("schema", "a JSON Schema for editors")->callback([] {
        fmt::print("{}", config::schema());
    });

    auto* const import = app.add_subcommand("import", "take over another gateway's configuration");
    import->require_subcommand(1);
    const auto file = std::make_shared<std::string>();
    auto* const litellm = import->add_subcommand(
        "litellm", "print a weir.yaml made from LiteLLM's config.yaml, and what is left out");
    litellm->add_option("FILE", *file, "LiteLLM's configuration")->required();
    litellm->callback([&common, file] { common.exit_code = import_litellm(*file); });
}

} // namespace weir::app
