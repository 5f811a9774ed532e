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

} // namespace weir::storage
