#pragma once
// Reads one mapping of the YAML file, field by field. Each call names a field once and serves three
// ends: it decodes the value (or records a fault with its place), notes the value and its origin
// for `config show`, and describes the field for `config schema`. A key that no call named is a
// fault when the section is closed.

#include "config/config.h"
#include "config/environment.h"

#include <list>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>
#include <yaml-cpp/yaml.h>

namespace weir::config {

struct Fault {
    int line = 0; // from 1; 0 where the whole file is meant
    int column = 0;
    std::string message;
};

// One node of the JSON Schema being gathered.
struct SchemaNode {
    std::string name;
    std::string type; // "object", "map", "array", "string", "integer", "boolean", "number"
    std::string description;
    std::vector<std::string> choices;
    bool short_form = false; // an object that a single value may stand for
    std::list<SchemaNode>
        children; // fields; for a map or an array the one description of its items
};

struct Reading {
    std::string file;
    const Environment& environment;
    std::vector<Fault> faults;
    std::vector<Shown> shown;
    std::map<std::string, YAML::Mark>
        marks; // where each value that the file holds stands, by its path

    void fault(const YAML::Mark& mark, std::string message);
    // The same for a value known by its path, such as "models.fast.targets[0].provider".
    void fault_at(const std::string& path, std::string message);
};

class Section {
public:
    // `node` is undefined where the section is absent: every field then keeps its default.
    Section(Reading& reading, YAML::Node node, std::string path, SchemaNode& schema);
    ~Section();
    Section(const Section&) = delete;
    Section& operator=(const Section&) = delete;

    void text(std::string_view name, std::string& out, std::string_view about);
    void secret(std::string_view name, Secret& out, std::string_view about);
    void duration(std::string_view name, std::chrono::milliseconds& out, std::string_view about);
    void bytes(std::string_view name, std::size_t& out, std::string_view about);
    void rate(std::string_view name, Rate& out, std::string_view about);
    // `off_word`: a word that stands for 0, or empty.
    struct Range {
        std::int64_t min;
        std::int64_t max;
        std::string_view off_word;
    };
    void integer(std::string_view name, std::int64_t& out, Range range, std::string_view about);
    // US dollars per million tokens, kept as picodollars a token.
    void price(std::string_view name, std::int64_t& out, std::string_view about);
    // The index into `words`.
    void choice(std::string_view name, std::size_t& out, std::vector<std::string_view> words,
                std::string_view about);
    void time_zone(std::string_view name, const TimeZone*& out, std::string_view about);
    void texts(std::string_view name, std::vector<std::string>& out, std::string_view about);
    // A field that is accepted only with this value until its part of the product exists.
    void not_built(std::string_view name, std::string_view only, std::string_view about);

    bool has(std::string_view name) const;
    // The child's node (undefined where absent), its path, and its place in the schema.
    struct Child {
        YAML::Node node;
        std::string path;
        SchemaNode* schema;
    };
    Child section(std::string_view name, std::string_view about);
    // A mapping of names, or a list: for each entry its name or index. The schema wants one visit
    // even when there is none, so `visit` is also called once with an undefined node while a schema
    // is gathered.
    struct Entry {
        std::string name;
        YAML::Node node;
        std::string path;
        SchemaNode* schema;
    };
    std::vector<Entry> map(std::string_view name, std::string_view about);
    std::vector<Entry> list(std::string_view name, std::string_view about);

    void fault(std::string_view field, std::string message);
    Reading& reading() { return reading_; }
    const std::string& path() const { return path_; }
    const YAML::Node& node() const { return node_; }

private:
    SchemaNode& describe(std::string_view name, std::string_view type, std::string_view about);
    // The scalar's text with ${NAME} replaced; nullopt where absent or at fault.
    std::optional<std::string> scalar(std::string_view name);
    std::optional<std::string> expand(const YAML::Node& node);
    void show(std::string_view name, std::string value);
    YAML::Node find(std::string_view name) const;
    std::string child_path(std::string_view name) const;

    Reading& reading_;
    YAML::Node node_;
    std::string path_;
    SchemaNode& schema_;
    std::set<std::string, std::less<>> known_;
};

} // namespace weir::config
