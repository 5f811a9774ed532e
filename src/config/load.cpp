#include "config/load.h"

#include "config/decode.h"
#include "config/known_providers.h"
#include "config/yaml_text.h"
#include "json/writer.h"

#include <cerrno>
#include <cstring>
#include <fmt/core.h>
#include <fstream>
#include <sstream>

namespace weir::config {
namespace {

Refusal refusal(const Reading& reading) {
    Refusal out;
    for (const Fault& fault : reading.faults) out.faults.push_back(shown(reading.file, fault));
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
    const auto node = read_yaml(text);
    if (!node) {
        reading.faults.push_back(node.error());
        return std::unexpected(refusal(reading));
    }
    try {
        SchemaNode schema;
        Section root(reading, *node, "", schema);
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

std::expected<std::string, std::string> read_file(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    std::string text;
    if (stream) {
        std::ostringstream whole;
        whole << stream.rdbuf();
        text = whole.str();
    }
    if (!stream) return std::unexpected(fmt::format("{}: {}", file, std::strerror(errno)));
    return text;
}

std::expected<Config, Refusal> load_file(const std::string& file, const Environment& environment) {
    const auto text = read_file(file);
    if (!text) return std::unexpected(Refusal{{text.error()}});
    return load(file, *text, environment);
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
