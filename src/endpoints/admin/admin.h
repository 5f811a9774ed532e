#pragma once
// Administration as data: one request in, one JSON document out, with no socket in sight. The same
// code answers /api/v1/admin over HTTP, the control socket, and a command that finds no server and
// opens the store itself.

#include "gateway/parts.h"
#include "net/blocking_pool.h"
#include "upstream/keys/added_keys.h"

#include <map>
#include <string>
#include <string_view>

namespace weir::endpoints {

struct AdminWorld {
    gateway::Parts& parts;
    net::BlockingPool& pool;
    upstream::AddedKeys& provider_keys;
    SteadyTime started;
    std::string_view version;
};

struct AdminRequest {
    std::string method;
    std::string path; // after /api/v1/admin/
    std::map<std::string, std::string> query;
    std::string body;
};

struct AdminReply {
    int status = 200;
    std::string body; // JSON
};

// Errors: not_found, method_not_allowed, the codes of wrong values, conflict, set_by_file,
// ledger_unavailable.
net::Task<Result<AdminReply>> administer(AdminWorld& world, gateway::ThreadParts& mine,
                                         AdminRequest request);

} // namespace weir::endpoints
