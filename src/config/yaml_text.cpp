#include "config/yaml_text.h"

#include "base/text.h"

#include <fmt/core.h>
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

} // namespace

std::expected<YAML::Node, Fault> read_yaml(const std::string& text) {
    if (text.size() > file_bytes_max || too_deep(text))
        return std::unexpected(Fault{0, 0, "the file is too large or nested too deeply"});
    if (!is_utf8(text)) return std::unexpected(Fault{0, 0, "the file is not UTF-8"});
    try {
        return text.empty() ? YAML::Node() : YAML::Load(text);
    } catch (const YAML::Exception& wrong) {
        return std::unexpected(Fault{wrong.mark.line + 1, wrong.mark.column + 1, wrong.msg});
    }
}

std::string shown(const std::string& file, const Fault& fault) {
    if (fault.line == 0) return fmt::format("{}: {}", file, fault.message);
    return fmt::format("{}:{}:{}: {}", file, fault.line, fault.column, fault.message);
}

} // namespace weir::config
