#pragma once
// Who is asking? Users, teams and keys, held in memory as an immutable roster that is swapped whole
// when something changes, so that a revoked key is refused by the very next request. Thread: any.

#include "access/key_text.h"
#include "access/user_store.h"
#include "base/guarded.h"

#include <atomic>
#include <functional>
#include <memory>
#include <unordered_map>

namespace weir::access {

struct Roster;

class Access {
public:
    struct World {
        UserStore& store;
        const Clock& clock;
        Random& random;
    };
    // `pepper` keys the hashes of API keys. Errors: ledger_unavailable.
    static Result<std::unique_ptr<Access>> open(World world, Secret pepper);
    ~Access();

    // The caller behind the credential of a request: the text after "Bearer ", or an x-api-key.
    // Errors: invalid_api_key, whatever was wrong with it; the detail says what.
    Result<Caller> identify(std::string_view credential);

    // The caller behind the control socket: the first administrator, with a key that stands in no
    // list.
    Result<Caller> first_admin() const;

    bool empty() const; // no user yet

    // Changes. Errors: not_found, conflict, invalid_value with `param`, ledger_unavailable.
    net::Task<Result<Team>> add_team(net::Loop& loop, std::string name);
    struct NewUser {
        std::string email;
        Role role = Role::user;
        std::string team; // a name, or empty
        std::string password_hash;
    };
    net::Task<Result<User>> add_user(net::Loop& loop, NewUser user);
    net::Task<Result<void>> set_standing(net::Loop& loop, std::string email, Standing standing);
    net::Task<Result<void>> set_password_hash(net::Loop& loop, std::string email, std::string hash);
    struct NewKey {
        std::string email;
        std::string name;
        std::vector<std::string> models;
        std::string rate;
        bool admin = false;
        std::optional<WallTime> expires_at;
    };
    struct MadeKey {
        Key key;
        Secret text; // shown once
    };
    net::Task<Result<MadeKey>> add_key(net::Loop& loop, NewKey key);
    // `which`: a public id, a whole key, or a name where only one live key has it.
    net::Task<Result<Key>> revoke_key(net::Loop& loop, std::string which);
    // A new key on the same terms; the old one ends after `overlap`.
    net::Task<Result<MadeKey>> rotate_key(net::Loop& loop, std::string which,
                                          std::chrono::milliseconds overlap);

    std::vector<Team> teams() const;
    std::vector<User> users() const;
    std::string public_id_of(KeyId key) const; // empty: there is no such key
    std::vector<Key> keys() const;             // with their last use
    std::optional<User> find_user(std::string_view email) const;
    std::optional<Team> find_team(std::string_view name) const;
    // Errors: not_found; conflict where a name fits several.
    Result<Key> find_key(std::string_view which) const;
    std::string email_of(UserId user) const;
    std::string team_of(UserId user) const;

    // Hands the times of use to the store; called now and then and at the end.
    void save_key_use();

private:
    Access(World world, Secret pepper);
    net::Task<Result<void>> change_user(net::Loop& loop, std::string email,
                                        std::function<void(User&)> edit);
    std::shared_ptr<const Roster> roster() const;
    template <class Change>
    void change(Change&& apply);

    World world_;
    Secret pepper_;
    mutable Guarded<std::shared_ptr<const Roster>> roster_;
};

} // namespace weir::access
