#pragma once
// Provider keys as rows: the states of those that are not well, and those that were added. Thread:
// the writer's, but for loading.

#include "storage/sqlite/database.h"
#include "upstream/keys/added_keys.h"

namespace weir::storage {

Result<std::vector<upstream::SavedKey>> load_provider_keys(Database& database);
// A key that is well has no row.
Result<void> save_provider_key(Database& database, const upstream::SavedKey& key);

// Keys that were added at run time.
Result<std::vector<upstream::AddedKey>> load_added_keys(Database& database);
Result<void> put_added_key(Database& database, const upstream::AddedKey& key);
Result<void> drop_added_key(Database& database, std::string_view id);
Result<void> set_key_stage(Database& database, std::string_view id, upstream::KeyStage stage);

} // namespace weir::storage
