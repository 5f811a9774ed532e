#pragma once
// Provider keys added at run time. Each is one route of endpoints/admin/admin.cpp; the id is that
// of the provider to add to, and "PROVIDER/NAME" else.

#include "endpoints/admin/people.h"

namespace weir::endpoints {

// {name, value, group?, weight?, stage?} -> the key, without its value
AdminTask add_provider_key(AdminCall call);
AdminTask stage_provider_key(AdminCall call); // {stage}
AdminTask revoke_provider_key(AdminCall call);

} // namespace weir::endpoints
