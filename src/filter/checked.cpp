#include "filter/checked.h"

#include <fmt/core.h>

namespace weir::filter {

Result<Checked> check(chat::ChatRequest request) { return Checked(std::move(request)); }

Result<Checked> check(chat::ChatRequest request, std::string& body, Parse parse,
                      const RuleSet& rules, const Scope& scope, const Notice& notice) {
    Inspected inspected = inspect_request(rules, body, scope);
    for (const Noticed& one : inspected.noticed) notice(one);
    if (const Rule* const rule = inspected.refused_by)
        return refuse(Errc::content_policy_violation,
                      fmt::format("The content policy refuses this: rule '{}' ({}).", rule->id,
                                  rule->category));
    if (!inspected.body) return check(std::move(request));
    body = *std::move(inspected.body);
    WEIR_TRY(chat::ChatRequest again, parse(body));
    again.ask_for_betas(request.betas());
    return check(std::move(again));
}

} // namespace weir::filter
