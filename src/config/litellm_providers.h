#pragma once
// What LiteLLM calls the providers, and what Weir needs to reach them.

#include <string_view>

namespace weir::config {

struct LiteLlmProvider {
    std::string_view prefix;   // of its model names
    std::string_view name;     // as Weir calls it
    std::string_view dialect;  // empty: the usual one of that name
    std::string_view base_url; // empty: Weir knows it, or the file must say it
    std::string_view variable; // where LiteLLM looks for a key that the file does not name
    enum class Base : unsigned char { known, must_be_said } base = Base::known;
};

// Null where Weir has no dialect for it. An empty prefix is that of a name without one: then the
// name itself decides.
const LiteLlmProvider* find_litellm_provider(std::string_view prefix, std::string_view model);

} // namespace weir::config
