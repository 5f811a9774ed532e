#pragma once
// Users, teams and keys: list, make, change. Each is one route of endpoints/admin.cpp.

#include "endpoints/admin/admin.h"

namespace weir::endpoints {

struct AdminCall {
    AdminWorld& world;
    gateway::ThreadParts& mine;
    const AdminRequest& request;
    std::string id; // what the path names, if it does
};

using AdminTask = net::Task<Result<AdminReply>>;

AdminTask list_users(AdminCall call);
AdminTask add_user(AdminCall call);    // {email, role?, team?} -> the user with a one-time password
AdminTask change_user(AdminCall call); // {disabled?, password?}
AdminTask list_teams(AdminCall call);
AdminTask add_team(AdminCall call); // {name}
AdminTask list_keys(AdminCall call);
AdminTask add_key(
    AdminCall call); // {user, name?, expires?, models?, rate?, admin?} -> the key with its secret
AdminTask revoke_key(AdminCall call);
AdminTask rotate_key(AdminCall call); // {overlap?}

} // namespace weir::endpoints
