#include "config/section.h"

#include "base/text.h"

#include <cmath>
#include <cstdlib>
#include <fmt/format.h>

namespace weir::config {

void Reading::fault(const YAML::Mark& mark, std::string message) {
    faults.push_back({mark.line + 1, mark.column + 1, std::move(message)});
}

void Reading::fault_at(const std::string& path, std::string message) {
    const auto found = marks.find(path);
    fault(found == marks.end() ? YAML::Mark::null_mark() : found->second, path + ": " + message);
}

Section::Section(Reading& reading, YAML::Node node, std::string path, SchemaNode& schema)
    : reading_(reading), node_(std::move(node)), path_(std::move(path)), schema_(schema) {
    schema_.type = "object";
    if (node_.IsDefined() && !node_.IsNull() && !node_.IsMap()) {
        reading_.fault(node_.Mark(),
                       fmt::format("{} must be a mapping", path_.empty() ? "the file" : path_));
        node_.reset();
    }
}

Section::~Section() {
    if (!node_.IsDefined() || !node_.IsMap()) return;
    std::set<std::string> seen;
    for (const auto& entry : node_) {
        const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "(not a name)";
        if (!known_.contains(key)) {
            reading_.fault(entry.first.Mark(),
                           fmt::format("unknown key '{}'", clip(child_path(key), 128)));
        } else if (!seen.insert(key).second) {
            reading_.fault(entry.first.Mark(), fmt::format("'{}' stands twice", child_path(key)));
        }
    }
}

std::string Section::child_path(std::string_view name) const {
    return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
}

YAML::Node Section::find(std::string_view name) const {
    if (!node_.IsDefined() || !node_.IsMap()) return YAML::Node(YAML::NodeType::Undefined);
    for (const auto& entry : node_)
        if (entry.first.IsScalar() && entry.first.Scalar() == name) return entry.second;
    return YAML::Node(YAML::NodeType::Undefined);
}

bool Section::has(std::string_view name) const { return find(name).IsDefined(); }

SchemaNode& Section::describe(std::string_view name, std::string_view type,
                              std::string_view about) {
    known_.emplace(name);
    for (SchemaNode& child : schema_.children)
        if (child.name == name) return child;
    schema_.children.push_back(
        {std::string(name), std::string(type), std::string(about), {}, false, {}});
    return schema_.children.back();
}

void Section::fault(std::string_view field, std::string message) {
    const YAML::Node node = field.empty() ? node_ : find(field);
    const YAML::Mark mark = node.IsDefined() ? node.Mark() : YAML::Mark::null_mark();
    reading_.fault(mark, fmt::format("{}: {}", field.empty() ? path_ : child_path(field), message));
}

std::optional<std::string> Section::expand(const YAML::Node& node) {
    const std::string text = node.Scalar();
    std::string out;
    std::size_t at = 0;
    while (true) {
        const std::size_t open = text.find("${", at);
        out += text.substr(at, open - at);
        if (open == std::string::npos) return out;
        const std::size_t close = text.find('}', open);
        if (close == std::string::npos) {
            reading_.fault(node.Mark(), "'${' has no '}'");
            return std::nullopt;
        }
        const std::string variable = text.substr(open + 2, close - open - 2);
        const auto value = reading_.environment(variable);
        if (!value) {
            reading_.fault(node.Mark(),
                           fmt::format("the environment variable {} is not set", variable));
            return std::nullopt;
        }
        out += *value;
        at = close + 1;
    }
}

std::optional<std::string> Section::scalar(std::string_view name) {
    const YAML::Node node = find(name);
    if (!node.IsDefined()) return std::nullopt;
    if (!node.IsScalar()) {
        fault(name, "a single value is expected");
        return std::nullopt;
    }
    return expand(node);
}

void Section::show(std::string_view name, std::string value) {
    const YAML::Node node = find(name);
    const std::string origin =
        node.IsDefined() ? fmt::format("{}:{}", reading_.file, node.Mark().line + 1) : "default";
    if (node.IsDefined()) reading_.marks[child_path(name)] = node.Mark();
    reading_.shown.push_back({child_path(name), std::move(value), origin});
}

void Section::text(std::string_view name, std::string& out, std::string_view about) {
    describe(name, "string", about);
    if (auto value = scalar(name)) out = *std::move(value);
    show(name, out);
}

void Section::secret(std::string_view name, Secret& out, std::string_view about) {
    describe(name, "string", about);
    if (auto value = scalar(name)) out = Secret(*std::move(value));
    if (!out.empty()) show(name, "(secret)");
}

void Section::duration(std::string_view name, std::chrono::milliseconds& out,
                       std::string_view about) {
    describe(name, "string", about);
    if (const auto value = scalar(name)) {
        if (const auto parsed = parse_duration(*value); parsed && parsed->count() > 0)
            out = *parsed;
        else fault(name, "a duration such as 250ms, 10s, 5m, 12h or 30d is expected");
    }
    show(name, format_duration(out));
}

void Section::bytes(std::string_view name, std::size_t& out, std::string_view about) {
    describe(name, "string", about);
    if (const auto value = scalar(name)) {
        if (const auto parsed = parse_bytes(*value); parsed && *parsed > 0) out = *parsed;
        else fault(name, "a size such as 8MiB is expected");
    }
    show(name, fmt::format("{}", out));
}

void Section::rate(std::string_view name, Rate& out, std::string_view about) {
    describe(name, "string", about);
    if (const auto value = scalar(name)) {
        if (const auto parsed = Rate::parse(*value)) out = *parsed;
        else fault(name, "a rate such as 600/min, 10/s burst 20, 60/min hard, or off is expected");
    }
    show(name, out.text());
}

void Section::integer(std::string_view name, std::int64_t& out, Range range,
                      std::string_view about) {
    describe(name, range.off_word.empty() ? "integer" : "word-or-integer", about);
    if (const auto value = scalar(name)) {
        const auto parsed = parse_decimal(*value);
        if (!range.off_word.empty() && *value == range.off_word) out = 0;
        else if (parsed && *parsed >= static_cast<std::uint64_t>(range.min) &&
                 *parsed <= static_cast<std::uint64_t>(range.max))
            out = static_cast<std::int64_t>(*parsed);
        else
            fault(name,
                  fmt::format("a whole number from {} to {} is expected", range.min, range.max));
    }
    show(name, out == 0 && !range.off_word.empty() ? std::string(range.off_word)
                                                   : fmt::format("{}", out));
}

void Section::price(std::string_view name, std::int64_t& out, std::string_view about) {
    describe(name, "number", about);
    if (const auto value = scalar(name)) {
        char* end = nullptr;
        const double dollars = std::strtod(value->c_str(), &end);
        const bool whole = !value->empty() && end == value->c_str() + value->size();
        // Above a thousand dollars a million tokens it is a typing error, and could overflow a
        // charge.
        if (!whole || !(dollars >= 0) || dollars > 1'000'000)
            fault(name, "US dollars per million tokens are expected, such as 0.15");
        else out = std::llround(dollars * 1e6);
    }
    show(name, fmt::format("{}", static_cast<double>(out) / 1e6));
}

void Section::choice(std::string_view name, std::size_t& out, std::vector<std::string_view> words,
                     std::string_view about) {
    auto& node = describe(name, "string", about);
    node.choices.assign(words.begin(), words.end());
    if (const auto value = scalar(name)) {
        std::size_t found = 0;
        while (found < words.size() && words[found] != *value) ++found;
        if (found < words.size()) out = found;
        else
            fault(name, fmt::format("one of {} is expected, not '{}'", fmt::join(words, ", "),
                                    clip(*value, 64)));
    }
    show(name, std::string(words[out]));
}

void Section::time_zone(std::string_view name, const TimeZone*& out, std::string_view about) {
    describe(name, "string", about);
    if (const auto value = scalar(name)) {
        if (const TimeZone* const zone = TimeZone::find(*value)) out = zone;
        else
            fault(name, fmt::format("a time zone such as Europe/Berlin is expected, not '{}'",
                                    clip(*value, 64)));
    }
    show(name, out->name());
}

void Section::texts(std::string_view name, std::vector<std::string>& out, std::string_view about) {
    auto& schema = describe(name, "array", about);
    if (schema.children.empty()) schema.children.push_back({"", "string", "", {}, false, {}});
    const YAML::Node node = find(name);
    if (node.IsDefined() && !node.IsSequence()) fault(name, "a list is expected");
    if (node.IsDefined() && node.IsSequence()) {
        out.clear();
        for (const auto& item : node) {
            if (!item.IsScalar()) reading_.fault(item.Mark(), "a single value is expected");
            else if (auto value = expand(item)) out.push_back(*std::move(value));
        }
    }
    show(name, fmt::format("[{}]", fmt::join(out, ", ")));
}

void Section::not_built(std::string_view name, std::string_view only, std::string_view about) {
    describe(name, "", about);
    const YAML::Node node = find(name);
    if (!node.IsDefined() || (node.IsScalar() && !only.empty() && node.Scalar() == only)) return;
    std::string message = "not built yet";
    if (!only.empty()) message += fmt::format("; only '{}' works today", only);
    fault(name, message);
}

Section::Child Section::section(std::string_view name, std::string_view about) {
    auto& schema = describe(name, "object", about);
    return {find(name), child_path(name), &schema};
}

std::vector<Section::Entry> Section::map(std::string_view name, std::string_view about) {
    auto& schema = describe(name, "map", about);
    if (schema.children.empty()) schema.children.push_back({"", "object", "", {}, false, {}});
    const YAML::Node node = find(name);
    std::vector<Entry> out;
    if (!node.IsDefined() || node.IsNull()) return out;
    if (!node.IsMap()) {
        fault(name, "a mapping of names is expected");
        return out;
    }
    std::set<std::string> seen;
    for (const auto& entry : node) {
        const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
        if (key.empty() || !seen.insert(key).second) {
            reading_.fault(entry.first.Mark(), key.empty() ? "a name is expected"
                                                           : fmt::format("'{}' stands twice", key));
            continue;
        }
        out.push_back({key, entry.second, fmt::format("{}.{}", child_path(name), key),
                       &schema.children.front()});
    }
    return out;
}

std::vector<Section::Entry> Section::list(std::string_view name, std::string_view about) {
    auto& schema = describe(name, "array", about);
    if (schema.children.empty()) schema.children.push_back({"", "object", "", {}, false, {}});
    const YAML::Node node = find(name);
    std::vector<Entry> out;
    if (!node.IsDefined() || node.IsNull()) return out;
    if (!node.IsSequence()) {
        fault(name, "a list is expected");
        return out;
    }
    std::size_t index = 0;
    for (const auto& item : node) {
        out.push_back({std::to_string(index), item, fmt::format("{}[{}]", child_path(name), index),
                       &schema.children.front()});
        ++index;
    }
    return out;
}

} // namespace weir::config
