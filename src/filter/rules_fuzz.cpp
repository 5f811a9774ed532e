// Whatever pattern an operator writes and whatever text a client sends: a refusal, or matches that
// lie within the text, each of which is redacted.

#include "base/text.h"
#include "filter/request_text.h"
#include "filter/rules.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace weir::filter;
    if (size > 4096) return 0;
    const std::string_view all(reinterpret_cast<const char*>(data), size);
    const std::size_t line = all.find('\n');
    if (line == std::string_view::npos) return 0;
    Rule rule;
    rule.id = "fuzzed";
    rule.category = "c";
    rule.pattern = all.substr(0, line);
    rule.action = Action::redact;
    // A large repetition takes long to compile, which an operator may wait for.
    const auto pattern = Pattern::parse(rule.pattern);
    if (!pattern || !pattern->width() || *pattern->width() > 64) return 0;
    const auto rules = RuleSet::compile({rule});
    if (!rules) return 0;
    const std::string_view text = all.substr(line + 1);
    if (!weir::is_utf8(text)) return 0;
    const std::vector<Hit> hits = (*rules)->find(text, {});
    for (const Hit& hit : hits)
        if (hit.span.begin >= hit.span.end || hit.span.end > text.size()) std::abort();
    if (redacted(text, hits).has_value() == hits.empty()) std::abort();
    return 0;
}
