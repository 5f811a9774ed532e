#pragma once
// The rules that Weir brings along. Forms of keys are those that their makers document; what looks
// like an attack or a person is a guess, and only noticed.

#include "config/config.h"
#include "filter/rules.h"

#include <vector>

namespace weir::filter {

std::vector<Rule> builtin_rules();

// The rules of a configuration: the built-in ones, changed and added to by those of its files.
// Errors: invalid_value, with the file, the rule and what is wrong with it.
Result<std::shared_ptr<const RuleSet>> rules_of(const config::Filter& filter);

} // namespace weir::filter
