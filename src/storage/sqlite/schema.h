#pragma once
// The tables, as numbered migrations: PRAGMA user_version says how many have run.

#include "storage/sqlite/database.h"

namespace weir::storage {

// Brings a store to the newest schema, one transaction a step.
// Errors: ledger_unavailable; also for a store that a newer Weir has written.
Result<void> migrate(Database& database);

} // namespace weir::storage
