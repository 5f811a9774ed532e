#include "storage/sqlite/user_tables.h"

#include "storage/sqlite/sqlite_store.h"

#include <fmt/format.h>
#include <sstream>

namespace weir::storage {
namespace {

std::int64_t micros(WallTime time) { return time.time_since_epoch().count(); }
WallTime from_micros(std::int64_t count) { return WallTime(std::chrono::microseconds(count)); }

std::optional<std::int64_t> micros(const std::optional<WallTime>& time) {
    return time ? std::optional(micros(*time)) : std::nullopt;
}
std::optional<WallTime> from_micros(const std::optional<std::int64_t>& count) {
    return count ? std::optional(from_micros(*count)) : std::nullopt;
}

// Model names hold no line breaks.
std::string join_lines(const std::vector<std::string>& lines) {
    return fmt::format("{}", fmt::join(lines, "\n"));
}
std::vector<std::string> split_lines(const std::string& text) {
    std::vector<std::string> out;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) out.push_back(line);
    return out;
}

Result<bool> taken(Database& database, const char* sql, std::string_view name) {
    WEIR_TRY(Statement query, database.prepare(sql));
    query.bind(1, name);
    return query.next();
}

Result<std::vector<access::Team>> load_teams(Database& database) {
    std::vector<access::Team> out;
    WEIR_TRY(Statement rows, database.prepare("SELECT id, name, created_at FROM team ORDER BY id"));
    while (true) {
        WEIR_TRY(const bool row, rows.next());
        if (!row) return out;
        out.push_back({TeamId(rows.integer(0)), rows.text(1), from_micros(rows.integer(2))});
    }
}

Result<std::vector<access::User>> load_user_rows(Database& database) {
    std::vector<access::User> out;
    WEIR_TRY(Statement rows,
             database.prepare("SELECT id, email, role, team, disabled, password_hash, created_at "
                              "FROM user ORDER BY id"));
    while (true) {
        WEIR_TRY(const bool row, rows.next());
        if (!row) return out;
        access::User user;
        user.id = UserId(rows.integer(0));
        user.email = rows.text(1);
        user.role = parse_role(rows.text(2)).value_or(Role::user);
        if (const auto team = rows.maybe_integer(3)) user.team = TeamId(*team);
        user.standing =
            rows.integer(4) != 0 ? access::Standing::disabled : access::Standing::active;
        user.password_hash = rows.text(5);
        user.created_at = from_micros(rows.integer(6));
        out.push_back(std::move(user));
    }
}

Result<std::vector<access::Key>> load_keys(Database& database) {
    std::vector<access::Key> out;
    WEIR_TRY(
        Statement rows,
        database.prepare(
            "SELECT id, public_id, name, user, hash, models, rate, admin, created_at, expires_at, "
            "revoked_at, last_used_at FROM key ORDER BY id"));
    while (true) {
        WEIR_TRY(const bool row, rows.next());
        if (!row) return out;
        access::Key key;
        key.id = KeyId(rows.integer(0));
        key.public_id = rows.text(1);
        key.name = rows.text(2);
        key.user = UserId(rows.integer(3));
        key.hash = rows.text(4);
        key.models = split_lines(rows.text(5));
        key.rate = rows.text(6);
        key.admin = rows.integer(7) != 0;
        key.created_at = from_micros(rows.integer(8));
        key.expires_at = from_micros(rows.maybe_integer(9));
        key.revoked_at = from_micros(rows.maybe_integer(10));
        key.last_used_at = from_micros(rows.maybe_integer(11));
        out.push_back(std::move(key));
    }
}

} // namespace

Result<access::UserStore::Everyone> load_everyone(Database& database) {
    access::UserStore::Everyone out;
    WEIR_TRY(out.teams, load_teams(database));
    WEIR_TRY(out.users, load_user_rows(database));
    WEIR_TRY(out.keys, load_keys(database));
    return out;
}

Result<SqliteStore::Everyone> SqliteStore::load_users() {
    return load_everyone(writer_->database());
}

net::Task<Result<access::Team>> SqliteStore::add_team(net::Loop& loop, access::Team team) {
    Writer::Change work = [&team](Database& database) -> Result<void> {
        WEIR_TRY(const bool there, taken(database, "SELECT 1 FROM team WHERE name = ?", team.name));
        if (there) return refuse(Errc::conflict, "There is a team of that name already.");
        WEIR_TRY(Statement insert,
                 database.prepare("INSERT INTO team (name, created_at) VALUES (?, ?)"));
        WEIR_CHECK(
            insert.bind(1, std::string_view(team.name)).bind(2, micros(team.created_at)).run());
        team.id = TeamId(database.last_row());
        return {};
    };
    CO_CHECK(co_await change(loop, std::move(work)));
    co_return team;
}

net::Task<Result<access::User>> SqliteStore::add_user(net::Loop& loop, access::User user) {
    Writer::Change work = [&user](Database& database) -> Result<void> {
        WEIR_TRY(const bool there,
                 taken(database, "SELECT 1 FROM user WHERE email = ? COLLATE NOCASE", user.email));
        if (there)
            return refuse(Errc::conflict, "There is a user with that e-mail address already.");
        WEIR_TRY(Statement insert,
                 database.prepare(
                     "INSERT INTO user (email, role, team, disabled, password_hash, created_at) "
                     "VALUES (?, ?, ?, ?, ?, ?)"));
        const auto team = user.team ? std::optional(user.team->value()) : std::nullopt;
        insert.bind(1, std::string_view(user.email))
            .bind(2, name(user.role))
            .bind(3, team)
            .bind(4, std::int64_t{0});
        insert.bind(5, std::string_view(user.password_hash)).bind(6, micros(user.created_at));
        WEIR_CHECK(insert.run());
        user.id = UserId(database.last_row());
        return {};
    };
    CO_CHECK(co_await change(loop, std::move(work)));
    co_return user;
}

net::Task<Result<void>> SqliteStore::update_user(net::Loop& loop, access::User user) {
    Writer::Change work = [&user](Database& database) -> Result<void> {
        WEIR_TRY(Statement update,
                 database.prepare("UPDATE user SET role = ?, team = ?, disabled = ?, "
                                  "password_hash = ? WHERE id = ?"));
        const auto team = user.team ? std::optional(user.team->value()) : std::nullopt;
        update.bind(1, name(user.role)).bind(2, team);
        update.bind(3, std::int64_t{user.standing == access::Standing::disabled ? 1 : 0});
        update.bind(4, std::string_view(user.password_hash)).bind(5, user.id.value());
        return update.run();
    };
    co_return co_await change(loop, std::move(work));
}

net::Task<Result<access::Key>> SqliteStore::add_key(net::Loop& loop, access::Key key) {
    Writer::Change work = [&key](Database& database) -> Result<void> {
        WEIR_TRY(
            Statement insert,
            database.prepare(
                "INSERT INTO key (public_id, name, user, hash, models, rate, admin, created_at, "
                "expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"));
        const std::string models = join_lines(key.models);
        insert.bind(1, std::string_view(key.public_id)).bind(2, std::string_view(key.name));
        insert.bind(3, key.user.value()).bind_blob(4, key.hash).bind(5, std::string_view(models));
        insert.bind(6, std::string_view(key.rate)).bind(7, std::int64_t{key.admin ? 1 : 0});
        insert.bind(8, micros(key.created_at)).bind(9, micros(key.expires_at));
        WEIR_CHECK(insert.run());
        key.id = KeyId(database.last_row());
        return {};
    };
    CO_CHECK(co_await change(loop, std::move(work)));
    co_return key;
}

net::Task<Result<void>> SqliteStore::update_key(net::Loop& loop, access::Key key) {
    Writer::Change work = [&key](Database& database) -> Result<void> {
        WEIR_TRY(Statement update,
                 database.prepare("UPDATE key SET revoked_at = CASE WHEN revoked_at < ?1 THEN "
                                  "revoked_at ELSE ?1 END, expires_at = ?2 WHERE id = ?3"));
        return update.bind(1, micros(key.revoked_at))
            .bind(2, micros(key.expires_at))
            .bind(3, key.id.value())
            .run();
    };
    co_return co_await change(loop, std::move(work));
}

void SqliteStore::note_key_use(std::vector<std::pair<KeyId, WallTime>> uses) {
    Writer::Change work = [uses = std::move(uses)](Database& database) -> Result<void> {
        WEIR_TRY(Statement update,
                 database.prepare("UPDATE key SET last_used_at = ? WHERE id = ?"));
        for (const auto& [id, at] : uses)
            WEIR_CHECK(update.bind(1, micros(at)).bind(2, id.value()).run());
        return {};
    };
    writer_->enqueue(std::move(work), [](const Result<void>&) {});
}

} // namespace weir::storage
