#pragma once
// Answers under an Idempotency-Key as rows. Thread: the writer's.

#include "base/clock.h"
#include "storage/sqlite/database.h"
#include "streams/idempotency.h"

namespace weir::storage {

// Younger than limits::idempotency_time.
Result<std::optional<streams::StoredAnswer>> find_answer(Database& database, KeyId owner,
                                                         std::string_view key, WallTime now);
// Also drops what is too old.
Result<void> save_answer(Database& database, KeyId owner, std::string_view key,
                         const streams::StoredAnswer& answer, WallTime now);

} // namespace weir::storage
