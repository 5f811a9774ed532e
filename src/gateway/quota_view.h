#pragma once
// A caller's budgets as /api/v1/quota shows them.

#include "gateway/parts.h"

#include <string>

namespace weir::gateway {

// {"used","held","limit","remaining","resets_at","budgets":[…]}: the first five are those of the
// daily request budget with the least remaining; without one, what the key (without a key, the
// user)
// made in the UTC day.
std::string quota_json(quota::Ledger& ledger, const Caller& caller);

// One element of "budgets". `subject` is the name of whose it is. Explained, it also says when the
// window began, in whose days, who set the budget, and how many running requests stand in it.
enum class Detail : std::uint8_t { brief, explained };
void write_budget(std::string& out, const quota::Ledger::View& view, std::string_view subject,
                  Detail detail);

} // namespace weir::gateway
