#pragma once
// The commands, by family. Each adds its words to the parser and, when they were used, runs and
// sets the exit code.

#include "app/console.h"

#include <functional>

namespace CLI {
class App;
}

namespace weir::app {

// What every command shares: the flags that find the data, and where the exit code goes.
struct Common {
    Flags flags;
    bool json = false;
    int exit_code = 0;
    Console console() const { return Console(flags, json ? Format::json : Format::table); }
};

void add_server_commands(CLI::App& app, Common& common); // serve, status, health, version
void add_config_commands(CLI::App& app, Common& common); // config check|show|schema, import
void add_people_commands(CLI::App& app, Common& common); // user, team, key
void add_money_commands(CLI::App& app, Common& common);  // quota, ledger
void add_route_commands(CLI::App& app, Common& common);  // provider, explain
void add_filter_commands(CLI::App& app, Common& common); // filter
void add_chat_command(CLI::App& app, Common& common);    // chat

} // namespace weir::app
