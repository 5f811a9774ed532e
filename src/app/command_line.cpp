#include "app/command_line.h"

#include "app/commands/commands.h"

#include <CLI/CLI.hpp>
#include <iostream>

namespace weir::app {
namespace {

constexpr const char* about = "Weir: a gateway for chat with language models.\n"
                              "One URL for a team, in the browser and for every OpenAI client; "
                              "money exact, streams honest.\n\n"
                              "Start with: weir serve";
constexpr const char* closing =
    "Exit codes: 0 done, 1 refused or not found, 2 usage, 3 not ready.\n"
    "Commands speak to the running server through DATA_DIR/control.sock, or open the store "
    "themselves.";

} // namespace

int run_command_line(int argc, char** argv) {
    Common common;
    CLI::App app(about, "weir");
    app.footer(closing);
    app.require_subcommand(1);
    app.fallthrough(); // --config and --data-dir may stand anywhere
    app.add_option("--config", common.flags.config,
                   "the configuration file (else WEIR_CONFIG, else ./weir.yaml)");
    app.add_option("--data-dir", common.flags.data_dir,
                   "where everything is stored (else WEIR_DATA_DIR)");
    add_server_commands(app, common);
    add_chat_command(app, common);
    add_config_commands(app, common);
    add_people_commands(app, common);
    add_money_commands(app, common);
    add_route_commands(app, common);
    add_filter_commands(app, common);
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& asked_for_help) {
        return app.exit(asked_for_help);
    } catch (const CLI::RequiredError& missing) {
        // CLI11 says only that a command is missing, also where there is one that it does not know.
        const auto unknown = app.remaining(true);
        if (unknown.empty()) app.exit(missing);
        else
            std::cerr << "weir: there is no command or option '" << unknown.front()
                      << "' here; weir --help lists what there is\n";
        return 2;
    } catch (const CLI::ParseError& wrong) {
        app.exit(wrong);
        return 2;
    }
    return common.exit_code;
}

} // namespace weir::app
