#pragma once
// Users, teams and keys as rows, read through any connection. The changes to them are
// SqliteStore's.

#include "access/user_store.h"
#include "storage/sqlite/database.h"

namespace weir::storage {

Result<access::UserStore::Everyone> load_everyone(Database& database);

} // namespace weir::storage
