#pragma once
// Answers of the Responses API as rows. Thread: the writer's.

#include "base/clock.h"
#include "storage/sqlite/database.h"
#include "streams/response_store.h"

namespace weir::storage {

Result<std::optional<streams::StoredResponse>> find_response(Database& database, UserId owner,
                                                             std::string_view id, WallTime now);
// Also drops what is too old.
Result<void> save_response(Database& database, const streams::StoredResponse& response,
                           WallTime now);
Result<bool> drop_response(Database& database, UserId owner, std::string_view id);

} // namespace weir::storage
