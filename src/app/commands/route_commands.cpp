// allow(orphan): the provider and explain commands of app/commands/commands.h.

#include "app/commands/commands.h"

#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <iostream>
#include <memory>

#include "json/writer.h"

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

struct KeyWords {
    std::string provider;
    std::string name;
    std::string group;
    std::string stage;
    std::int64_t weight = 1;
};

// The path of a key that is named as "PROVIDER/NAME".
std::string key_path(const std::string& id) {
    const std::size_t slash = id.rfind('/');
    if (slash == std::string::npos) return "providers//keys/" + percent_encode(id);
    return "providers/" + percent_encode(id.substr(0, slash)) + "/keys/" +
           percent_encode(id.substr(slash + 1));
}

int print_stage(const Console& console, const Result<endpoints::AdminReply>& reply) {
    if (!reply) return Console::refused(reply.error());
    if (console.format() == Format::json) {
        fmt::print("{}\n", reply->body);
        return 0;
    }
    const auto document = json::Document::parse(reply->body);
    const json::Value root = document->root();
    if (const auto stage = root.find("stage"))
        fmt::print("{} is {}.\n", shown(*root.find("id")), shown(*stage));
    else fmt::print("{} is revoked.\n", shown(*root.find("id")));
    return 0;
}

int add_provider_key(Console console, const KeyWords& words) {
    std::string value;
    std::getline(std::cin, value);
    if (value.ends_with('\r')) value.pop_back();
    std::string body;
    json::Writer writer(body);
    writer.begin_object().member("name", words.name).member("value", value);
    writer.member("weight", words.weight);
    if (!words.group.empty()) writer.member("group", words.group);
    if (!words.stage.empty()) writer.member("stage", words.stage);
    writer.end_object();
    return print_stage(
        console,
        console.ask("POST", "providers/" + percent_encode(words.provider) + "/keys", {}, body));
}

void add_provider_key_commands(CLI::App& provider, Common& common) {
    auto* const family =
        provider.add_subcommand("key", "keys beside those of the file, without a restart");
    family->require_subcommand(1);
    const auto words = std::make_shared<KeyWords>();

    auto* const add = family->add_subcommand("add", "add a key; reads its value from stdin");
    add->add_option("PROVIDER", words->provider, "a provider of the configuration")->required();
    add->add_option("NAME", words->name, "a new name")->required();
    add->add_option("--group", words->group, "the organisation whose rates it shares");
    add->add_option("--weight", words->weight, "how often it is asked, for others of weight 1");
    add->add_option("--stage", words->stage, "staged, canary (unless said otherwise) or active");
    add->add_flag("--json", common.json, "as JSON");
    add->callback(
        [&common, words] { common.exit_code = add_provider_key(common.console(), *words); });

    auto* const stage = family->add_subcommand(
        "stage", "staged: kept; canary: one request in 20; active; draining: no new request");
    stage->add_option("KEY", words->name, "PROVIDER/NAME")->required();
    stage->add_option("STAGE", words->stage, "staged, canary, active or draining")->required();
    stage->add_flag("--json", common.json, "as JSON");
    stage->callback([&common, words] {
        std::string body;
        json::Writer writer(body);
        writer.begin_object().member("stage", words->stage).end_object();
        Console console = common.console();
        common.exit_code =
            print_stage(console, console.ask("PATCH", key_path(words->name), {}, body));
    });

    auto* const revoke = family->add_subcommand("revoke", "forget a key; running answers end");
    revoke->add_option("KEY", words->name, "PROVIDER/NAME")->required();
    revoke->add_flag("--json", common.json, "as JSON");
    revoke->callback([&common, words] {
        Console console = common.console();
        common.exit_code = print_stage(console, console.ask("DELETE", key_path(words->name)));
    });
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

    add_provider_key_commands(*family, common);

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
