#pragma once
// Budgets and the ledger's totals. Each is one route of endpoints/admin.cpp.

#include "endpoints/admin/people.h"

namespace weir::endpoints {

AdminTask show_quota(AdminCall call);  // ?scope=&subject=
AdminTask set_quota(AdminCall call);   // {scope, subject, unit, limit|null, per?}
AdminTask show_ledger(AdminCall call); // ?scope=&subject=

// The subject that a scope and a name mean: a key by its whole text, public id or name, a user by
// e-mail, a team by name. Errors: not_found, conflict, invalid_value.
Result<quota::Subject> find_subject(const access::Access& access, std::string_view scope,
                                    std::string_view name);

// The same among rows that were read from a store that is not open for use.
Result<quota::Subject> find_subject(const access::UserStore::Everyone& everyone,
                                    std::string_view scope, std::string_view name);

// A key's public id, a user's e-mail, a team's name; empty for everyone.
std::string subject_name(const access::Access& access, const quota::Subject& subject);

// {"requests","tokens_in","tokens_out","nanousd","holds_open","overages"}
std::string totals_json(const quota::Books::Totals& totals);

} // namespace weir::endpoints
