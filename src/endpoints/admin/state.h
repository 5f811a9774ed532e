#pragma once
// What the server is doing: status, providers, and why a request would go where. Each is one route
// of endpoints/admin.cpp.

#include "endpoints/admin/people.h"

namespace weir::endpoints {

AdminTask show_status(AdminCall call);
AdminTask list_providers(AdminCall call);
AdminTask test_provider(AdminCall call); // asks the provider for its models, with each key
AdminTask explain(AdminCall call);       // ?key=&model=

} // namespace weir::endpoints
