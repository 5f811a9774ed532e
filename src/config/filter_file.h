#pragma once
// A file of content rules: YAML with a list `rules`. An entry with the id of a built-in rule and an
// action alone changes that rule.

#include "config/load.h"

#include <expected>
#include <string>
#include <vector>

namespace weir::config {

std::expected<std::vector<FilterRule>, Refusal> load_filter_rules(const std::string& file,
                                                                  const std::string& text);
// Reads the files that the configuration names and keeps their rules in it.
std::expected<void, Refusal> read_filter_files(Config& config, const std::string& beside);

} // namespace weir::config
