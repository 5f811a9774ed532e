#pragma once
// The states of provider keys that are not well, as rows. Thread: the writer's, but for loading.

#include "storage/sqlite/database.h"
#include "upstream/keys/key_pool.h"

namespace weir::storage {

Result<std::vector<upstream::SavedKey>> load_provider_keys(Database& database);
// A key that is well has no row.
Result<void> save_provider_key(Database& database, const upstream::SavedKey& key);

} // namespace weir::storage
