#pragma once
// Who is asking. Made by access::identify() alone and read by every station after it.

#include "base/ids.h"
#include "base/strong.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

enum class Role : std::uint8_t {
    user,      // generates
    auditor,   // reads everything but secrets
    operator_, // everything but secrets and roles
    admin,     // everything
};
std::string_view name(Role role);
std::optional<Role> parse_role(std::string_view text);

// What one key may do, fixed when it is loaded; shared by every request made with it.
struct KeyTerms {
    KeyId id;
    std::string public_id;
    std::string name;
    std::string owner;               // the user's e-mail
    std::string team;                // its name, or empty
    std::vector<std::string> models; // empty: all; a trailing '*' matches any rest
    std::string rate;                // overrides limits.per_key where not empty, as "600/min"
    bool admin = false;              // opens /api/v1/admin
};

struct Caller {
    UserId user;
    std::optional<TeamId> team;
    Role role = Role::user;
    std::shared_ptr<const KeyTerms> key; // never null on a generating route

    bool may_use(std::string_view model) const;
    bool is_admin() const { return role == Role::admin && key && key->admin; }
};

} // namespace weir
