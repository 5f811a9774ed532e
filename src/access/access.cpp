#include "access/access.h"

#include "access/roster.h"
#include "base/limits.h"
#include "base/text.h"
#include "config/rate.h"

#include <algorithm>
#include <fmt/core.h>

namespace weir::access {
namespace {

std::unexpected<Error> unknown_credential(const char* detail) {
    return refuse(Error(Errc::invalid_api_key,
                        "The API key is missing, wrong, expired or revoked. Send it as "
                        "'Authorization: Bearer KEY' or 'x-api-key: KEY'.")
                      .because(detail));
}

bool is_email(std::string_view text) {
    const std::size_t at = text.find('@');
    return at != 0 && at != std::string_view::npos && at + 1 < text.size() &&
           text.find('@', at + 1) == std::string_view::npos && text.size() <= limits::email_bytes &&
           text.find_first_of(" \t\r\n\"<>,;") == std::string_view::npos && is_utf8(text) &&
           std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

Result<void> check_name(std::string_view name, const char* param) {
    const bool fits =
        !name.empty() && name.size() <= limits::name_bytes && is_utf8(name) &&
        std::ranges::none_of(name, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
    if (fits) return {};
    return std::unexpected(
        Error(Errc::invalid_value,
              fmt::format("A name has 1 to {} printable characters.", limits::name_bytes))
            .at(param));
}

} // namespace

Access::Access(World world, Secret pepper) : world_(world), pepper_(std::move(pepper)) {}
Access::~Access() = default;

Result<std::unique_ptr<Access>> Access::open(World world, Secret pepper) {
    std::unique_ptr<Access> access(new Access(world, std::move(pepper)));
    WEIR_TRY(UserStore::Everyone everyone, world.store.load_users());
    auto roster = std::make_shared<Roster>();
    for (Team& team : everyone.teams) roster->teams.emplace(team.id, std::move(team));
    for (User& user : everyone.users) roster->put(std::move(user));
    for (Key& key : everyone.keys) roster->put(std::move(key));
    *access->roster_.lock() = std::move(roster);
    return access;
}

std::shared_ptr<const Roster> Access::roster() const { return *roster_.lock(); }

// A changed copy takes the roster's place; requests in progress keep the one they have.
template <class Change>
void Access::change(Change&& apply) {
    auto current = roster_.lock();
    auto copy = std::make_shared<Roster>(**current);
    apply(*copy);
    copy->refresh_terms();
    *current = std::move(copy);
}

Result<Caller> Access::identify(std::string_view credential) {
    const auto parts = parse_key(credential);
    if (!parts) return unknown_credential(credential.empty() ? "no key" : "not a key of ours");
    const Digest hash = key_hash(pepper_, parts->secret);
    const std::string_view candidate(reinterpret_cast<const char*>(hash.data()), hash.size());
    const auto current = roster();
    const auto found = current->keys.find(std::string(parts->public_id));
    if (found == current->keys.end()) return unknown_credential("unknown key");
    const KeyRecord& record = *found->second;
    if (!equal_in_constant_time(record.key.hash, candidate))
        return unknown_credential("wrong secret");
    const WallTime now = world_.clock.wall();
    if (record.key.revoked_at && *record.key.revoked_at <= now)
        return unknown_credential("revoked");
    if (record.key.expires_at && *record.key.expires_at <= now)
        return unknown_credential("expired");
    const auto owner = current->users.find(record.key.user);
    if (owner == current->users.end() || owner->second.standing == Standing::disabled)
        return unknown_credential("its user is disabled");
    record.last_used->store(now.time_since_epoch().count(), std::memory_order_relaxed);
    return Caller{owner->second.id, owner->second.team, owner->second.role, record.terms};
}

Result<Caller> Access::first_admin() const {
    const auto current = roster();
    for (const auto& [id, user] : current->users) {
        if (user.role != Role::admin || user.standing == Standing::disabled) continue;
        auto terms = std::make_shared<KeyTerms>();
        terms->name = "control socket";
        terms->owner = user.email;
        terms->admin = true;
        return Caller{user.id, user.team, user.role, std::move(terms)};
    }
    return unknown_credential("no administrator");
}

bool Access::empty() const { return roster()->users.empty(); }

net::Task<Result<Team>> Access::add_team(net::Loop& loop, std::string name) {
    CO_CHECK(check_name(name, "name"));
    Team wanted{{}, std::move(name), world_.clock.wall()};
    CO_TRY(Team team, co_await world_.store.add_team(loop, std::move(wanted)));
    change([&](Roster& roster) { roster.teams.emplace(team.id, team); });
    co_return team;
}

net::Task<Result<User>> Access::add_user(net::Loop& loop, NewUser request) {
    if (!is_email(request.email))
        co_return std::unexpected(
            Error(Errc::invalid_value, "That is not an e-mail address.").at("email"));
    User wanted;
    wanted.email = std::move(request.email);
    wanted.role = request.role;
    wanted.password_hash = std::move(request.password_hash);
    wanted.created_at = world_.clock.wall();
    if (!request.team.empty()) {
        const auto team = find_team(request.team);
        if (!team) {
            co_return refuse(Errc::not_found,
                             fmt::format("There is no team '{}'; add it with: weir team add NAME",
                                         clip(request.team, limits::echoed_bytes)));
        }
        wanted.team = team->id;
    }
    CO_TRY(User user, co_await world_.store.add_user(loop, std::move(wanted)));
    change([&](Roster& roster) { roster.put(user); });
    co_return user;
}

net::Task<Result<void>> Access::set_standing(net::Loop& loop, std::string email,
                                             Standing standing) {
    const auto edit = [standing](User& user) { user.standing = standing; };
    co_return co_await change_user(loop, std::move(email), edit);
}

net::Task<Result<void>> Access::set_password_hash(net::Loop& loop, std::string email,
                                                  std::string hash) {
    const auto edit = [&hash](User& user) { user.password_hash = hash; };
    co_return co_await change_user(loop, std::move(email), edit);
}

// A change that another one has overtaken meanwhile is made again, on what that
// one left.
net::Task<Result<void>> Access::change_user(net::Loop& loop, std::string email,
                                            std::function<void(User&)> edit) {
    while (true) {
        const auto before = find_user(email);
        if (!before)
            co_return refuse(Errc::not_found, fmt::format("There is no user '{}'.",
                                                          clip(email, limits::echoed_bytes)));
        User after = *before;
        edit(after);
        CO_CHECK(co_await world_.store.update_user(loop, after));
        bool overtaken = false;
        change([&](Roster& roster) {
            overtaken = roster.users.at(after.id) != *before;
            if (!overtaken) roster.put(after);
        });
        if (!overtaken) co_return Result<void>();
    }
}

net::Task<Result<Access::MadeKey>> Access::add_key(net::Loop& loop, NewKey request) {
    CO_CHECK(check_name(request.name, "name"));
    const auto user = find_user(request.email);
    if (!user) {
        co_return refuse(Errc::not_found,
                         fmt::format("There is no user '{}'; add it with: weir user add EMAIL",
                                     clip(request.email, limits::echoed_bytes)));
    }
    if (request.admin && user->role != Role::admin) {
        co_return std::unexpected(
            Error(Errc::invalid_value, "Only an administrator's key can be made with --admin.")
                .at("admin"));
    }
    if (!request.rate.empty() && !config::Rate::parse(request.rate)) {
        co_return std::unexpected(
            Error(Errc::invalid_value, "A rate looks like 600/min, 10/s burst 20 or off.")
                .at("rate"));
    }
    const KeyText text = KeyText::make(world_.random);
    const Digest hash = key_hash(pepper_, text.secret.reveal());
    Key wanted;
    wanted.public_id = text.public_id;
    wanted.name = std::move(request.name);
    wanted.user = user->id;
    wanted.hash.assign(reinterpret_cast<const char*>(hash.data()), hash.size());
    wanted.models = std::move(request.models);
    wanted.rate = std::move(request.rate);
    wanted.admin = request.admin;
    wanted.created_at = world_.clock.wall();
    wanted.expires_at = request.expires_at;
    CO_TRY(Key key, co_await world_.store.add_key(loop, std::move(wanted)));
    change([&](Roster& roster) { roster.put(key); });
    co_return MadeKey{std::move(key), Secret(text.text())};
}

net::Task<Result<Key>> Access::revoke_key(net::Loop& loop, std::string which) {
    CO_TRY(Key key, find_key(which));
    if (!key.revoked_at || *key.revoked_at > world_.clock.wall())
        key.revoked_at = world_.clock.wall();
    // Refused from now on, whatever the disk says.
    change([&](Roster& roster) { roster.put(key); });
    CO_CHECK(co_await world_.store.update_key(loop, key));
    co_return key;
}

net::Task<Result<Access::MadeKey>> Access::rotate_key(net::Loop& loop, std::string which,
                                                      std::chrono::milliseconds overlap) {
    CO_TRY(Key old, find_key(which));
    if (old.revoked_at && *old.revoked_at <= world_.clock.wall())
        co_return refuse(Errc::conflict, "That key is revoked; make a new one.");
    NewKey terms{email_of(old.user), old.name, old.models, old.rate, old.admin, old.expires_at};
    CO_TRY(MadeKey made, co_await add_key(loop, std::move(terms)));
    const WallTime end = world_.clock.wall() + overlap;
    change([&](Roster& roster) {
        // It may have been revoked meanwhile, and no end of a key is ever put off.
        old = roster.keys.at(old.public_id)->current();
        old.revoked_at = std::min(old.revoked_at.value_or(end), end);
        roster.put(old);
    });
    CO_CHECK(co_await world_.store.update_key(loop, old));
    co_return made;
}

std::vector<Team> Access::teams() const {
    std::vector<Team> out;
    for (const auto& [id, team] : roster()->teams) out.push_back(team);
    return out;
}

std::vector<User> Access::users() const {
    std::vector<User> out;
    for (const auto& [id, user] : roster()->users) out.push_back(user);
    return out;
}

std::vector<Key> Access::keys() const {
    std::vector<Key> out;
    for (const auto& [id, record] : roster()->keys) out.push_back(record->current());
    std::ranges::sort(out, {}, &Key::id);
    return out;
}

std::optional<User> Access::find_user(std::string_view email) const {
    for (const auto& [id, user] : roster()->users)
        if (equal_ignoring_case(user.email, email)) return user;
    return std::nullopt;
}

std::optional<Team> Access::find_team(std::string_view name) const {
    for (const auto& [id, team] : roster()->teams)
        if (team.name == name) return team;
    return std::nullopt;
}

Result<Key> Access::find_key(std::string_view which) const {
    const auto current = roster();
    const auto parts = parse_key(which);
    const auto found = current->keys.find(std::string(parts ? parts->public_id : which));
    if (found != current->keys.end()) return found->second->current();
    std::optional<Key> named;
    for (const auto& [id, record] : current->keys) {
        if (record->key.name != which || record->key.revoked_at) continue;
        if (named) {
            return refuse(Errc::conflict,
                          fmt::format("Several keys are named '{}'; name one by its public id.",
                                      clip(which, limits::echoed_bytes)));
        }
        named = record->current();
    }
    if (!named) return refuse(Errc::not_found, "There is no such key; see: weir key list");
    return *named;
}

std::string Access::email_of(UserId user) const {
    const auto current = roster();
    const auto found = current->users.find(user);
    return found == current->users.end() ? "" : found->second.email;
}

std::string Access::public_id_of(KeyId key) const {
    const auto current = roster();
    const auto found = current->public_ids.find(key);
    return found == current->public_ids.end() ? "" : found->second;
}

std::string Access::team_of(UserId user) const {
    const auto current = roster();
    const auto found = current->users.find(user);
    if (found == current->users.end() || !found->second.team) return "";
    const auto team = current->teams.find(*found->second.team);
    return team == current->teams.end() ? "" : team->second.name;
}

void Access::save_key_use() {
    std::vector<std::pair<KeyId, WallTime>> uses;
    for (const auto& [id, record] : roster()->keys) {
        const Key now = record->current();
        if (now.last_used_at != record->key.last_used_at)
            uses.emplace_back(now.id, *now.last_used_at);
    }
    if (!uses.empty()) world_.store.note_key_use(std::move(uses));
}

} // namespace weir::access
