// allow(orphan): the serve, status, health and version commands of app/commands/commands.h.

#include "app/commands/commands.h"
#include "app/house.h"
#include "app/server.h"

#include <CLI/CLI.hpp>
#include <fmt/core.h>

namespace weir::app {
namespace {

int not_running(const Console& console) {
    fmt::print(stderr, "weir: no server is running in {}; start it with: weir serve\n",
               console.data_dir());
    return 3;
}

int status(Console console) {
    auto reply = console.ask_server("GET", "/api/v1/admin/status", "");
    if (!reply) {
        if (reply.error().code() == Errc::upstream_unavailable) return not_running(console);
        return Console::refused(reply.error());
    }
    if (console.format() == Format::json) {
        fmt::print("{}\n", reply->body);
        return 0;
    }
    const auto document = json::Document::parse(reply->body);
    for (const json::Value member : document->root()) {
        if (member.key() != "providers") {
            fmt::print("{:<10} {}\n", member.key(), shown(member));
            continue;
        }
        for (const json::Value provider : member) {
            fmt::print("{:<10} {} ({})\n", "provider", shown(*provider.find("name")),
                       shown(*provider.find("dialect")));
            const json::Value keys = *provider.find("keys");
            for (const json::Value key : keys)
                fmt::print("{:<10}   key {}: {}\n", "", shown(*key.find("name")),
                           shown(*key.find("state")));
        }
    }
    return 0;
}

int health(Console console) {
    auto reply = console.ask_server("GET", "/readyz", "");
    if (reply) {
        if (console.format() == Format::json) fmt::print("{}\n", reply->body);
        else fmt::print("ready\n");
        return 0;
    }
    if (reply.error().code() == Errc::upstream_unavailable) return not_running(console);
    fmt::print(stderr, "weir: not ready: {}\n", reply.error().message());
    return 3;
}

} // namespace

void add_server_commands(CLI::App& app, Common& common) {
    auto* const serve_command = app.add_subcommand("serve", "run the server in the foreground");
    serve_command->add_option("--listen", common.flags.listen, "ADDRESS:PORT; port 0 picks one");
    serve_command->callback([&] { common.exit_code = serve(common.flags); });

    auto* const status_command = app.add_subcommand("status", "one screen of state");
    status_command->add_flag("--json", common.json, "as JSON");
    status_command->callback([&] { common.exit_code = status(common.console()); });

    auto* const health_command = app.add_subcommand("health", "exit 0 when ready, else 3 and why");
    health_command->add_flag("--json", common.json, "as JSON");
    health_command->callback([&] { common.exit_code = health(common.console()); });

    app.add_subcommand("version", "print the version")->callback([] {
        fmt::print("weir {}\n", version);
    });
}

} // namespace weir::app
