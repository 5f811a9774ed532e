#include "config/filter_file.h"

#include "base/text.h"
#include "config/section.h"
#include "config/yaml_text.h"

#include <algorithm>
#include <filesystem>
#include <fmt/core.h>

namespace weir::config {
namespace {

bool is_word(std::string_view text) {
    return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
}

FilterRule decode_rule(const Section::Entry& entry, Reading& reading) {
    FilterRule rule;
    rule.origin = reading.file;
    Section section(reading, entry.node, entry.path, *entry.schema);
    section.text("id", rule.id, "its name");
    if (!is_word(rule.id))
        section.fault("id", "1 to 64 lower case letters, digits, '-' and '_' are expected");
    section.text("pattern", rule.pattern, "what is looked for");
    section.text("category", rule.category, "what it is, as a redaction says");
    if (!rule.category.empty() && !is_word(rule.category))
        section.fault("category", "1 to 64 lower case letters, digits, '-' and '_' are expected");
    if (section.has("action")) {
        std::size_t action = 0;
        section.choice("action", action, {"off", "alert", "redact", "block"},
                       "what is done where it matches");
        rule.action = static_cast<FilterAction>(action);
    } else if (rule.pattern.empty()) {
        section.fault("", "an entry without a pattern changes a built-in rule: name an action");
    }
    section.not_built("direction", "in", "requests, answers, or both");
    section.texts("teams", rule.teams, "whose requests; none: all");
    section.texts("models", rule.models, "for which models; none: all");
    return rule;
}

} // namespace

std::expected<std::vector<FilterRule>, Refusal> load_filter_rules(const std::string& file,
                                                                  const std::string& text) {
    const Environment none = [](const std::string&) { return std::nullopt; };
    Reading reading{file, none, {}, {}, {}};
    std::vector<FilterRule> out;
    const auto node = read_yaml(text);
    if (!node) return std::unexpected(Refusal{{shown(file, node.error())}});
    try {
        SchemaNode schema;
        Section root(reading, *node, "", schema);
        for (const auto& entry : root.list("rules", "what is looked for"))
            out.push_back(decode_rule(entry, reading));
    } catch (const YAML::Exception& wrong) {
        reading.fault(wrong.mark, wrong.msg);
    }
    if (reading.faults.empty()) return out;
    Refusal refusal;
    for (const Fault& fault : reading.faults) refusal.faults.push_back(shown(file, fault));
    return std::unexpected(std::move(refusal));
}

std::expected<void, Refusal> read_filter_files(Config& config, const std::string& beside) {
    Refusal refusal;
    for (const std::string& name : config.filter.files) {
        // A path that is not absolute counts from the configuration file.
        const std::filesystem::path path =
            std::filesystem::path(beside).parent_path() / std::filesystem::path(name);
        const auto text = read_file(path.string());
        if (!text) {
            refusal.faults.push_back("filter.files: " + text.error());
            continue;
        }
        auto rules = load_filter_rules(path.string(), *text);
        if (!rules) {
            std::ranges::move(rules.error().faults, std::back_inserter(refusal.faults));
            continue;
        }
        std::ranges::move(*rules, std::back_inserter(config.filter.rules));
    }
    if (!refusal.faults.empty()) return std::unexpected(std::move(refusal));
    return {};
}

} // namespace weir::config
