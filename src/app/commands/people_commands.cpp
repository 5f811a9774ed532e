// allow(orphan): the user, team and key commands of app/commands/commands.h.

#include "app/commands/commands.h"

#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <iostream>
#include <memory>

#include "json/writer.h"

namespace weir::app {
namespace {

// A member of a reply, alone on stdout; the rest of what there is to say goes to stderr.
int print_member(const Result<endpoints::AdminReply>& reply, std::string_view member,
                 const Console& console) {
    if (!reply) return Console::refused(reply.error());
    const auto document = json::Document::parse(reply->body);
    const auto value = document ? document->root().find(member) : std::nullopt;
    if (console.format() == Format::json) fmt::print("{}\n", reply->body);
    else if (value) fmt::print("{}\n", shown(*value));
    return 0;
}

int print_done(const Result<endpoints::AdminReply>& reply, const Console& console,
               std::string_view done) {
    if (!reply) return Console::refused(reply.error());
    if (console.format() == Format::json) fmt::print("{}\n", reply->body);
    else fmt::print(stderr, "{}\n", done);
    return 0;
}

int set_password(Console console, const std::string& email) {
    std::string password;
    std::getline(std::cin, password);
    std::string body;
    json::Writer(body).begin_object().member("password", password).end_object();
    return print_done(console.ask("PATCH", "users/" + percent_encode(email), {}, body), console,
                      "The password is set.");
}

void add_user_commands(CLI::App& app, Common& common) {
    auto* const family = app.add_subcommand("user", "users");
    family->require_subcommand(1);
    struct Words {
        std::string email;
        std::string role = "user";
        std::string team;
    };
    const auto words = std::make_shared<Words>();

    auto* const add = family->add_subcommand("add", "add a user; prints a one-time password alone");
    add->add_option("EMAIL", words->email)->required();
    add->add_option("--role", words->role, "admin, operator, auditor or user");
    add->add_option("--team", words->team, "a team's name");
    add->add_flag("--json", common.json, "as JSON");
    add->callback([&common, words] {
        std::string body;
        json::Writer writer(body);
        writer.begin_object().member("email", words->email).member("role", words->role);
        if (!words->team.empty()) writer.member("team", words->team);
        writer.end_object();
        Console console = common.console();
        common.exit_code =
            print_member(console.ask("POST", "users", {}, body), "password", console);
    });

    auto* const list = family->add_subcommand("list", "everyone");
    list->add_flag("--json", common.json, "as JSON");
    list->callback([&common] {
        Console console = common.console();
        const auto reply = console.ask("GET", "users");
        if (reply)
            console.print_list(reply->body, {"email", "role", "team", "disabled", "created_at"});
        else common.exit_code = Console::refused(reply.error());
    });

    for (const bool disable : {true, false}) {
        auto* const command = family->add_subcommand(disable ? "disable" : "enable",
                                                     disable ? "refuse the user's keys and logins"
                                                             : "let them in again");
        command->add_option("EMAIL", words->email)->required();
        command->add_flag("--json", common.json, "as JSON");
        command->callback([&common, words, disable] {
            const std::string body = disable ? R"({"disabled":true})" : R"({"disabled":false})";
            Console console = common.console();
            common.exit_code =
                print_done(console.ask("PATCH", "users/" + percent_encode(words->email), {}, body),
                           console, disable ? "The user is disabled." : "The user is enabled.");
        });
    }
    auto* const password =
        family->add_subcommand("set-password", "reads the new password from stdin");
    password->add_option("EMAIL", words->email)->required();
    password->callback(
        [&common, words] { common.exit_code = set_password(common.console(), words->email); });
}

void add_team_commands(CLI::App& app, Common& common) {
    auto* const family = app.add_subcommand("team", "teams");
    family->require_subcommand(1);
    const auto name = std::make_shared<std::string>();
    auto* const add = family->add_subcommand("add", "add a team");
    add->add_option("NAME", *name)->required();
    add->add_flag("--json", common.json, "as JSON");
    add->callback([&common, name] {
        std::string body;
        json::Writer(body).begin_object().member("name", *name).end_object();
        Console console = common.console();
        common.exit_code =
            print_done(console.ask("POST", "teams", {}, body), console, "The team is added.");
    });
    auto* const list = family->add_subcommand("list", "every team");
    list->add_flag("--json", common.json, "as JSON");
    list->callback([&common] {
        Console console = common.console();
        const auto reply = console.ask("GET", "teams");
        if (reply) console.print_list(reply->body, {"name", "created_at"});
        else common.exit_code = Console::refused(reply.error());
    });
}

struct KeyWords {
    std::string user;
    std::string name = "key";
    std::string expires;
    std::vector<std::string> models;
    std::string rate;
    std::string which;
    std::string overlap;
    bool admin = false;
};

std::string new_key_body(const KeyWords& words) {
    std::string body;
    json::Writer writer(body);
    writer.begin_object().member("user", words.user).member("name", words.name);
    if (!words.expires.empty()) writer.member("expires", words.expires);
    if (!words.rate.empty()) writer.member("rate", words.rate);
    writer.key("models").begin_array();
    for (const std::string& model : words.models) writer.value(model);
    writer.end_array().key("admin").boolean(words.admin).end_object();
    return body;
}

void add_key_commands(CLI::App& app, Common& common) {
    auto* const family = app.add_subcommand("key", "API keys");
    family->require_subcommand(1);
    const auto words = std::make_shared<KeyWords>();

    auto* const create = family->add_subcommand("create", "make a key; prints it alone, once");
    create->add_option("--user", words->user, "whose it is: an e-mail")->required();
    create->add_option("--name", words->name, "what it is for");
    create->add_option("--expires", words->expires, "after which time, such as 30d");
    create->add_option("--models", words->models, "only these, separated by commas")
        ->delimiter(',');
    create->add_option("--rate", words->rate, "instead of limits.per_key, such as 600/min");
    create->add_flag("--admin", words->admin, "opens /api/v1/admin too");
    create->add_flag("--json", common.json, "as JSON");
    create->callback([&common, words] {
        Console console = common.console();
        common.exit_code =
            print_member(console.ask("POST", "keys", {}, new_key_body(*words)), "key", console);
    });

    auto* const list = family->add_subcommand("list", "every key");
    list->add_flag("--json", common.json, "as JSON");
    list->callback([&common] {
        Console console = common.console();
        const auto reply = console.ask("GET", "keys");
        if (reply)
            console.print_list(reply->body, {"id", "name", "user", "team", "models", "created_at",
                                             "expires_at", "last_used_at", "revoked"});
        else common.exit_code = Console::refused(reply.error());
    });

    auto* const revoke = family->add_subcommand("revoke", "refuse a key from now on");
    revoke->add_option("ID", words->which, "its public id, the whole key, or a unique name")
        ->required();
    revoke->add_flag("--json", common.json, "as JSON");
    revoke->callback([&common, words] {
        Console console = common.console();
        common.exit_code =
            print_done(console.ask("DELETE", "keys/" + percent_encode(key_name(words->which))),
                       console, "The key is revoked.");
    });

    auto* const rotate =
        family->add_subcommand("rotate", "a new key on the same terms; prints it alone, once");
    rotate->add_option("ID", words->which, "its public id, the whole key, or a unique name")
        ->required();
    rotate->add_option("--overlap", words->overlap,
                       "how long the old one still works, such as 24h");
    rotate->add_flag("--json", common.json, "as JSON");
    rotate->callback([&common, words] {
        std::string body;
        json::Writer writer(body);
        writer.begin_object();
        if (!words->overlap.empty()) writer.member("overlap", words->overlap);
        writer.end_object();
        Console console = common.console();
        const std::string path = "keys/" + percent_encode(key_name(words->which)) + "/rotate";
        common.exit_code = print_member(console.ask("POST", path, {}, body), "key", console);
    });
}

} // namespace

void add_people_commands(CLI::App& app, Common& common) {
    add_user_commands(app, common);
    add_team_commands(app, common);
    add_key_commands(app, common);
}

} // namespace weir::app
