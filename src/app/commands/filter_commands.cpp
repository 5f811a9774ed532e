// allow(orphan): the filter commands of app/commands/commands.h.

#include "app/commands/commands.h"
#include "config/load.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fmt/core.h>
#include <memory>

#include "json/writer.h"

namespace weir::app {
namespace {

struct FilterWords {
    std::string text;
    std::string team;
    std::string model;
};

// A word that names a file means what is in it.
Result<std::string> text_of(const std::string& word) {
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(word, ignored)) return word;
    auto text = config::read_file(word);
    if (!text) return refuse(Errc::not_found, std::move(text).error());
    return *std::move(text);
}

int test_filter(Console console, const FilterWords& words) {
    const auto text = text_of(words.text);
    if (!text) return Console::refused(text.error());
    std::string body;
    json::Writer writer(body);
    writer.begin_object().member("text", *text);
    if (!words.team.empty()) writer.member("team", words.team);
    if (!words.model.empty()) writer.member("model", words.model);
    writer.end_object();
    const auto reply = console.ask("POST", "filter/rules/test", {}, body);
    if (!reply) return Console::refused(reply.error());
    if (console.format() == Format::json) {
        fmt::print("{}\n", reply->body);
        return 0;
    }
    const auto document = json::Document::parse(reply->body);
    const json::Value root = document->root();
    const json::Value matches = *root.find("matches");
    for (const json::Value match : matches)
        fmt::print("{:<7} {} ({}) at bytes {} to {}\n", shown(*match.find("action")),
                   shown(*match.find("rule")), shown(*match.find("category")),
                   shown(*match.find("begin")), shown(*match.find("end")));
    const std::string verdict = shown(*root.find("verdict"));
    if (verdict == "block") fmt::print("Such a request is refused.\n");
    else if (verdict == "redact")
        fmt::print("What the model reads:\n{}\n", shown(*root.find("text")));
    else if (verdict == "alert") fmt::print("It passes, and is noticed.\n");
    else fmt::print("It passes.\n");
    return 0;
}

} // namespace

void add_filter_commands(CLI::App& app, Common& common) {
    auto* const family = app.add_subcommand("filter", "content rules");
    family->require_subcommand(1);
    const auto words = std::make_shared<FilterWords>();

    auto* const test = family->add_subcommand("test", "what the rules make of a text");
    test->add_option("TEXT", words->text, "a text, or the name of a file")->required();
    test->add_option("--team", words->team, "as this team's");
    test->add_option("--model", words->model, "as one for this model");
    test->add_flag("--json", common.json, "as JSON");
    test->callback([&common, words] { common.exit_code = test_filter(common.console(), *words); });

    auto* const list = family->add_subcommand("list", "the rules in force");
    list->add_flag("--json", common.json, "as JSON");
    list->callback([&common] {
        Console console = common.console();
        const auto reply = console.ask("GET", "filter");
        if (reply) console.print_list(reply->body, {"id", "category", "action", "teams", "models"});
        else common.exit_code = Console::refused(reply.error());
    });
}

} // namespace weir::app
