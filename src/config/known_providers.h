#pragma once
// What Weir can use without a configuration file: providers whose credential stands in the
// environment, and the aliases fast, balanced and smart over whatever there is.

#include "config/config.h"
#include "config/environment.h"

namespace weir::config {

// Where a provider of that name usually is; OpenAI's own address for a name that is not known.
std::string usual_base_url(std::string_view name);

// A provider for each credential found; each also gets the pattern "NAME/*".
void add_from_environment(Config& config, const Environment& environment);

// A server found on loopback, with the models it lists.
void add_local(Config& config, const std::string& name, const std::string& base_url,
               const std::vector<std::string>& models);

// Makes sure that the three aliases resolve and that there is a provider: the built-in demo, at the
// last.
void complete(Config& config);

} // namespace weir::config
