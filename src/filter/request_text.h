#pragma once
// Content rules on a request: on every string of its body, known field or not, whatever the
// dialect. Only what names things for programs (roles, types, ids of models) and files in a text's
// clothes (image data) is left alone.

#include "filter/rules.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::filter {

struct Noticed {
    const Rule* rule;
    std::int64_t times;
};

struct Inspected {
    const Rule* refused_by = nullptr; // a rule that blocks, or redacts and matched a member's name
    std::optional<std::string> body;  // with what is to be redacted replaced, where there is some
    std::vector<Noticed> noticed;     // every rule that matched
};

// Requires: `body` is JSON that was parsed before.
Inspected inspect_request(const RuleSet& rules, std::string_view body, const Scope& scope);

// `text` with every span of a redacting rule replaced by "[redacted:CATEGORY]"; nullopt: none.
std::optional<std::string> redacted(std::string_view text, const std::vector<Hit>& hits);

} // namespace weir::filter
