#pragma once
// The content rules, as an administrator tries them. Each is one route of
// endpoints/admin/admin.cpp.

#include "endpoints/admin/people.h"

namespace weir::endpoints {

AdminTask list_filter_rules(AdminCall call);
AdminTask test_filter(AdminCall call); // {text, team?, model?} -> what matches, and what is left

} // namespace weir::endpoints
