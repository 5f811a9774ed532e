#pragma once
// A configuration of LiteLLM's proxy (its config.yaml, as docs.litellm.ai describes it) as a
// weir.yaml: models, providers, fallbacks, prices and budgets. Keys are taken over by reference
// alone: one that is written out is named by a variable, and never repeated.

#include "config/load.h"

#include <expected>
#include <string>
#include <vector>

namespace weir::config {

struct Imported {
    std::string yaml;
    std::vector<std::string> left_out; // "litellm_settings.cache: …", in the order of the file
};

// `file` is the name for messages. What makes no sense in it is left out and named.
// Errors: it is not YAML, or has no model_list.
std::expected<Imported, Refusal> import_litellm(const std::string& file, const std::string& text);

} // namespace weir::config
