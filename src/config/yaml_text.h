#pragma once
// The one door for YAML that somebody wrote: bounded before the parser sees it.

#include "config/section.h"

#include <expected>
#include <string>

namespace weir::config {

// Errors: too large, too deep, not UTF-8, not YAML.
std::expected<YAML::Node, Fault> read_yaml(const std::string& text);

// "FILE:3:7: words", without the place where it is the whole file.
std::string shown(const std::string& file, const Fault& fault);

} // namespace weir::config
