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

// One element of "budgets". `subject` is the name of whose it is.
void write_budget(std::string& out, const quota::Ledger::View& view, std::string_view subject);

} // namespace weir::gateway
