#include "base/caller.h"

namespace weir {

std::string_view name(Role role) {
    switch (role) {
    case Role::user: return "user";
    case Role::auditor: return "auditor";
    case Role::operator_: return "operator";
    case Role::admin: return "admin";
    }
    return "user";
}

std::optional<Role> parse_role(std::string_view text) {
    for (const Role role : {Role::user, Role::auditor, Role::operator_, Role::admin})
        if (name(role) == text) return role;
    return std::nullopt;
}

bool Caller::may_use(std::string_view model) const {
    if (!key || key->models.empty()) return true;
    for (const std::string_view allowed : key->models) {
        if (allowed == model) return true;
        if (allowed.ends_with('*') && model.starts_with(allowed.substr(0, allowed.size() - 1)))
            return true;
    }
    return false;
}

} // namespace weir
