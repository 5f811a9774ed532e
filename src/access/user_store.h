#pragma once
// Users, teams and keys as they are stored, and what Access needs from a store. Reading happens
// once at the start; every change is durable before its task returns.

#include "base/caller.h"
#include "base/clock.h"
#include "base/error.h"
#include "net/loop.h"
#include "net/task.h"

#include <optional>
#include <string>
#include <vector>

namespace weir::access {

struct Team {
    TeamId id;
    std::string name;
    WallTime created_at;
};

enum class Standing : std::uint8_t { active, disabled };

struct User {
    UserId id;
    std::string email;
    Role role = Role::user;
    std::optional<TeamId> team;
    Standing standing = Standing::active;
    std::string password_hash;
    WallTime created_at;
    friend bool operator==(const User&, const User&) = default;
};

struct Key {
    KeyId id;
    std::string public_id;
    std::string name;
    UserId user;
    std::string hash; // 32 bytes
    std::vector<std::string> models;
    std::string rate;
    bool admin = false;
    WallTime created_at;
    std::optional<WallTime> expires_at;
    std::optional<WallTime> revoked_at;
    std::optional<WallTime> last_used_at;
};

class UserStore {
public:
    virtual ~UserStore() = default;

    struct Everyone {
        std::vector<Team> teams;
        std::vector<User> users;
        std::vector<Key> keys;
    };
    virtual Result<Everyone> load_users() = 0;

    // Each returns the stored row with its id, or for changes nothing. Ids in the argument are
    // ignored.
    // Errors: conflict where a name is taken; ledger_unavailable.
    virtual net::Task<Result<Team>> add_team(net::Loop& loop, Team team) = 0;
    virtual net::Task<Result<User>> add_user(net::Loop& loop, User user) = 0;
    virtual net::Task<Result<void>> update_user(net::Loop& loop, User user) = 0;
    virtual net::Task<Result<Key>> add_key(net::Loop& loop, Key key) = 0;
    virtual net::Task<Result<void>> update_key(net::Loop& loop, Key key) = 0;
    // When keys were last used; not waited for.
    virtual void note_key_use(std::vector<std::pair<KeyId, WallTime>> uses) = 0;
};

} // namespace weir::access
