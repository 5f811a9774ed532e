#include "storage/sqlite/provider_key_table.h"

#include <algorithm>

namespace weir::storage {

Result<std::vector<upstream::SavedKey>> load_provider_keys(Database& database) {
    WEIR_TRY(Statement row, database.prepare("SELECT id, fingerprint, state, until, refusals, "
                                             "last_error FROM provider_key"));
    std::vector<upstream::SavedKey> out;
    while (true) {
        WEIR_TRY(const bool there, row.next());
        if (!there) return out;
        upstream::SavedKey key;
        key.id = row.text(0);
        key.fingerprint = row.text(1);
        key.state = static_cast<upstream::KeyState>(std::clamp<std::int64_t>(row.integer(2), 0, 3));
        key.until = WallTime(std::chrono::microseconds(row.integer(3)));
        key.refusals = static_cast<std::uint32_t>(std::clamp<std::int64_t>(row.integer(4), 0, 100));
        key.last_error = row.text(5);
        out.push_back(std::move(key));
    }
}

Result<void> save_provider_key(Database& database, const upstream::SavedKey& key) {
    if (key.state == upstream::KeyState::ok) {
        WEIR_TRY(Statement drop, database.prepare("DELETE FROM provider_key WHERE id = ?"));
        return drop.bind(1, key.id).run();
    }
    WEIR_TRY(Statement put, database.prepare("INSERT OR REPLACE INTO provider_key (id, "
                                             "fingerprint, state, until, refusals, last_error) "
                                             "VALUES (?,?,?,?,?,?)"));
    put.bind(1, key.id).bind(2, key.fingerprint).bind(3, static_cast<std::int64_t>(key.state));
    put.bind(4, key.until.time_since_epoch().count()).bind(5, std::int64_t{key.refusals});
    return put.bind(6, key.last_error).run();
}

Result<std::vector<upstream::AddedKey>> load_added_keys(Database& database) {
    WEIR_TRY(Statement row, database.prepare("SELECT provider, name, grp, weight, stage, "
                                             "created_at, sealed FROM added_key "
                                             "ORDER BY created_at, provider, name"));
    std::vector<upstream::AddedKey> out;
    while (true) {
        WEIR_TRY(const bool there, row.next());
        if (!there) return out;
        upstream::AddedKey key;
        key.provider = row.text(0);
        key.name = row.text(1);
        key.group = row.text(2);
        key.weight = std::clamp<std::int64_t>(row.integer(3), 1, 1000);
        key.stage = upstream::parse_key_stage(row.text(4)).value_or(upstream::KeyStage::staged);
        key.created_at = WallTime(std::chrono::microseconds(row.integer(5)));
        key.sealed = row.text(6);
        out.push_back(std::move(key));
    }
}

Result<void> put_added_key(Database& database, const upstream::AddedKey& key) {
    WEIR_TRY(Statement put,
             database.prepare("INSERT OR REPLACE INTO added_key (provider, name, grp, weight, "
                              "stage, created_at, sealed) VALUES (?,?,?,?,?,?,?)"));
    put.bind(1, key.provider).bind(2, key.name).bind(3, key.group).bind(4, key.weight);
    put.bind(5, name(key.stage)).bind(6, key.created_at.time_since_epoch().count());
    return put.bind_blob(7, key.sealed).run();
}

Result<void> drop_added_key(Database& database, std::string_view id) {
    WEIR_TRY(Statement drop,
             database.prepare("DELETE FROM added_key WHERE provider || '/' || name = ?"));
    return drop.bind(1, id).run();
}

Result<void> set_key_stage(Database& database, std::string_view id, upstream::KeyStage stage) {
    WEIR_TRY(Statement set, database.prepare("UPDATE added_key SET stage = ?1 WHERE "
                                             "provider || '/' || name = ?2"));
    return set.bind(1, name(stage)).bind(2, id).run();
}

} // namespace weir::storage
