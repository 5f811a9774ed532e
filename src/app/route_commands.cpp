// allow(orphan): the provider and explain commands of app/commands.h.

#include "app/commands.h"

#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <memory>

namespace weir::app {
namespace {

int list_providers(Console console) {
    const auto reply = console.ask("GET", "providers");
    if (!reply) return Console::refused(reply.error());
    if (console.format() == Format::json) {
        console.print_list(reply->body, {});
        return 0;
    }
    const auto document = json::Document::parse(reply->body);
    const json::Value providers = *document->root().find("data");
    for (const json::Value provider : providers) {
        fmt::print("{} ({})\n", shown(*provider.find("name")), shown(*provider.find("dialect")));
        const json::Value keys = *provider.find("keys");
        for (const json::Value key : keys)
            fmt::print("  {:<24} {:<20} until {:<20} in flight {:<5} last error {}\n",
                       shown(*key.find("name")), shown(*key.find("state")),
                       shown(*key.find("until")), shown(*key.find("in_flight")),
                       shown(*key.find("last_error")));
    }
    return 0;
}

int test_provider(Console console, const std::string& name) {
    const auto reply = console.ask("POST", "providers/" + percent_encode(name) + "/test");
    if (!reply) return Console::refused(reply.error());
    const auto document = json::Document::parse(reply->body);
    const json::Value root = document->root();
    if (console.format() == Format::json) {
        fmt::print("{}\n", reply->body);
    } else {
        const json::Value keys = *root.find("keys");
        for (const json::Value key : keys)
            fmt::print("{:<24} {} ({} models)\n", shown(*key.find("name")),
                       shown(*key.find("result")), shown(*key.find("models")));
    }
    return root.find("ok")->boolean() ? 0 : 1;
}

void print_indented(const json::Value& value, int depth) {
    for (const json::Value member : value) {
        const std::string indent(static_cast<std::size_t>(depth) * 2, ' ');
        const bool nested =
            member.is(json::Kind::object) || (member.is(json::Kind::array) && member.size() > 0 &&
                                              (*member.begin()).is(json::Kind::object));
        if (nested) {
            fmt::print("{}{}\n", indent, member.key().empty() ? "-" : member.key());
            print_indented(member, depth + 1);
        } else {
            fmt::print("{}{:<20} {}\n", indent, member.key(), shown(member));
        }
    }
}

int explain(Console console, const std::string& key, const std::string& model) {
    const auto reply = console.ask("GET", "explain", {{"key", key_name(key)}, {"model", model}});
    if (!reply) return Console::refused(reply.error());
    if (console.format() == Format::json) {
        fmt::print("{}\n", reply->body);
        return 0;
    }
    const auto document = json::Document::parse(reply->body);
    print_indented(document->root(), 0);
    return 0;
}

} // namespace

void add_route_commands(CLI::App& app, Common& common) {
    auto* const family = app.add_subcommand("provider", "providers and their keys");
    family->require_subcommand(1);
    const auto name = std::make_shared<std::string>();
    auto* const list = family->add_subcommand("list", "every key and its state");
    list->add_flag("--json", common.json, "as JSON");
    list->callback([&common] { common.exit_code = list_providers(common.console()); });
    auto* const test =
        family->add_subcommand("test", "ask a provider for its models, with each key");
    test->add_option("NAME", *name)->required();
    test->add_flag("--json", common.json, "as JSON");
    test->callback([&common, name] { common.exit_code = test_provider(common.console(), *name); });

    const auto key = std::make_shared<std::string>();
    const auto model = std::make_shared<std::string>();
    auto* const why =
        app.add_subcommand("explain", "what applies to a key's request for a model, and why");
    why->add_option("--key", *key, "a whole key, its public id, or a unique name")->required();
    why->add_option("--model", *model, "a model's name")->required();
    why->add_flag("--json", common.json, "as JSON");
    why->callback(
        [&common, key, model] { common.exit_code = explain(common.console(), *key, *model); });
}

} // namespace weir::app
