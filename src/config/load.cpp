#include "config/load.h"

#include "base/text.h"
#include "config/decode.h"
#include "config/known_providers.h"
#include "json/writer.h"

#include <cerrno>
#include <cstring>
#include <fmt/core.h>
#include <fstream>
#include <sstream>

namespace weir::config {
namespace {

// A file larger than this is no configuration, and YAML aliases could still make it larger.
constexpr std::size_t file_bytes_max = 1024 * 1024;
constexpr int yaml_depth_max = 32;

// yaml-cpp recurses by nesting: flow brackets are counted before it sees them.
bool too_deep(const std::string& text) {
    int depth = 0;
    for (const char c : text) {
        if (c == '[' || c == '{') ++depth;
        if (c == ']' || c == '}') --depth;
        if (depth > yaml_depth_max) return true;
    }
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const std::size_t indent = line.find_first_not_of(" -?:\t");
        if (indent != std::string::npos && indent > 200) return true;
    }
    return false;
}

Refusal refusal(const Reading& reading) {
    Refusal out;
    for (const Fault& fault : reading.faults) {
        out.faults.push_back(fault.line == 0 ? fmt::format("{}: {}", reading.file, fault.message)
                                             : fmt::format("{}:{}:{}: {}", reading.file, fault.line,
                                                           fault.column, fault.message));
    }
    return out;
}

void write_schema(json::Writer& writer, const SchemaNode& node) {
    writer.begin_object();
    if (!node.description.empty()) writer.member("description", node.description);
    if (!node.choices.empty()) {
        writer.key("enum").begin_array();
        for (const std::string& choice : node.choices) {
            if (choice == "true" || choice == "false") writer.raw(choice);
            else writer.value(choice);
        }
        writer.end_array();
    } else if (node.type == "map" || node.type == "array") {
        writer.member("type", node.type == "map" ? "object" : "array");
        writer.key(node.type == "map" ? "additionalProperties" : "items");
        write_schema(writer, node.children.front());
    } else if (node.type == "object") {
        if (node.short_form)
            writer.key("type").begin_array().value("object").value("string").end_array();
        else writer.member("type", "object");
        writer.key("additionalProperties").boolean(false);
        writer.key("properties").begin_object();
        for (const SchemaNode& child : node.children) {
            writer.key(child.name);
            write_schema(writer, child);
        }
        writer.end_object();
    } else if (node.type == "word-or-integer") {
        writer.key("type").begin_array().value("integer").value("string").end_array();
    } else if (node.type == "string") {
        writer.key("type").begin_array().value("string").value("number").end_array();
    } else if (!node.type.empty()) {
        writer.member("type", node.type);
    }
    writer.end_object();
}

} // namespace

std::expected<Config, Refusal> load(const std::string& file, const std::string& text,
                                    const Environment& environment) {
    Reading reading{file, environment, {}, {}, {}};
    Config config;
    if (text.size() > file_bytes_max || too_deep(text)) {
        reading.faults.push_back({0, 0, "the file is too large or nested too deeply"});
        return std::unexpected(refusal(reading));
    }
    if (!is_utf8(text)) {
        reading.faults.push_back({0, 0, "the file is not UTF-8"});
        return std::unexpected(refusal(reading));
    }
    try {
        const YAML::Node node = text.empty() ? YAML::Node() : YAML::Load(text);
        SchemaNode schema;
        Section root(reading, node, "", schema);
        decode(root, config);
    } catch (const YAML::Exception& wrong) {
        reading.fault(wrong.mark, wrong.msg);
    }
    config.origins = reading.shown;
    if (config.providers.empty()) add_from_environment(config, environment);
    for (const char* const name : {"HTTPS_PROXY", "https_proxy"})
        if (const auto proxy = environment(name)) config.https_proxy = *proxy;
    for (const char* const name : {"NO_PROXY", "no_proxy"})
        if (const auto hosts = environment(name)) config.no_proxy = *hosts;
    check_relations(reading, config);
    if (!reading.faults.empty()) return std::unexpected(refusal(reading));
    return config;
}

std::expected<Config, Refusal> load_file(const std::string& file, const Environment& environment) {
    std::ifstream stream(file, std::ios::binary);
    std::string text;
    if (stream) {
        std::ostringstream whole;
        whole << stream.rdbuf();
        text = whole.str();
    }
    if (!stream)
        return std::unexpected(Refusal{{fmt::format("{}: {}", file, std::strerror(errno))}});
    return load(file, text, environment);
}

std::string schema() {
    const Environment none = [](const std::string&) { return std::nullopt; };
    Reading reading{"", none, {}, {}, {}};
    Config config;
    SchemaNode schema;
    {
        // One entry in each list and mapping, so that their items are described too.
        Section root(reading,
                     YAML::Load("{providers: {p: {keys: [{}]}}, models: {m: {targets: [{}]}}, "
                                "quota: {everyone: [{}], team: [{}], user: [{}], key: [{}]}}"),
                     "", schema);
        decode(root, config);
    }
    std::string body;
    json::Writer writer(body);
    write_schema(writer, schema);
    return R"({"$schema":"https://json-schema.org/draft/2020-12/schema","title":"weir.yaml",)" +
           body.substr(1) + "\n";
}

} // namespace weir::config
