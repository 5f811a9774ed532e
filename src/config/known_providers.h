#pragma once
// What Weir can use without a configuration file: providers whose credential stands in the
// environment, and the aliases fast, balanced and smart over whatever there is.

#include "config/config.h"
#include "config/environment.h"

namespace weir::config {

// What a provider of that name usually speaks; OpenAI's dialect where the name is not known.
Dialect usual_dialect(std::string_view name);
// Where it usually is, speaking that dialect; empty where that is not known.
std::string usual_base_url(std::string_view name, Dialect dialect);

// A provider for each credential found; each also gets the pattern "NAME/*".
void add_from_environment(Config& config, const Environment& environment);

// A server found on loopback, with the models it lists.
void add_local(Config& config, const std::string& name, Dialect dialect,
               const std::string& base_url, const std::vector<std::string>& models);

// Makes sure that the three aliases resolve and that there is a provider: the built-in demo, at the
// last.
void complete(Config& config);

} // namespace weir::config
