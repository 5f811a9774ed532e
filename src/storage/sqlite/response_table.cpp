#include "storage/sqlite/response_table.h"

#include "base/limits.h"

namespace weir::storage {
namespace {

std::int64_t oldest(WallTime now) {
    return (now - limits::response_time).time_since_epoch().count();
}

} // namespace

Result<std::optional<streams::StoredResponse>> find_response(Database& database, UserId owner,
                                                             std::string_view id, WallTime now) {
    WEIR_TRY(Statement row, database.prepare("SELECT body, items FROM response "
                                             "WHERE id = ? AND user = ? AND created_at > ?"));
    row.bind(1, id).bind(2, owner.value()).bind(3, oldest(now));
    WEIR_TRY(const bool there, row.next());
    if (!there) return std::nullopt;
    return streams::StoredResponse{std::string(id), owner, row.text(0), row.text(1)};
}

Result<void> save_response(Database& database, const streams::StoredResponse& response,
                           WallTime now) {
    WEIR_TRY(Statement old, database.prepare("DELETE FROM response WHERE created_at <= ?"));
    WEIR_CHECK(old.bind(1, oldest(now)).run());
    WEIR_TRY(Statement row,
             database.prepare("INSERT OR REPLACE INTO response (id, user, body, items, "
                              "created_at) VALUES (?,?,?,?,?)"));
    row.bind(1, response.id).bind(2, response.owner.value());
    row.bind(3, response.body).bind(4, response.items).bind(5, now.time_since_epoch().count());
    return row.run();
}

Result<bool> drop_response(Database& database, UserId owner, std::string_view id) {
    WEIR_TRY(Statement row, database.prepare("DELETE FROM response WHERE id = ? AND user = ? "
                                             "RETURNING id"));
    row.bind(1, id).bind(2, owner.value());
    WEIR_TRY(const bool there, row.next());
    return there;
}

} // namespace weir::storage
