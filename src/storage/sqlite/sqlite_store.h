#pragma once
// The embedded store: one SQLite file in WAL mode under the data directory, which one process at a
// time may write (a lock file says so). Implements the stores that the stations ask for.

#include "access/user_store.h"
#include "config/config.h"
#include "quota/ledger_store.h"
#include "quota/verify.h"
#include "storage/sqlite/ledger_tables.h"
#include "storage/sqlite/writer.h"
#include "streams/idempotency.h"
#include "streams/response_store.h"
#include "upstream/keys/added_keys.h"

#include <memory>
#include <string>

namespace weir::storage {

class SqliteStore final : public quota::LedgerStore,
                          public access::UserStore,
                          public streams::AnswerStore,
                          public streams::ResponseStore,
                          public upstream::ProviderKeyStore,
                          public upstream::AddedKeyStore {
public:
    // Makes the directory and the file where they are missing, and migrates.
    // Errors: conflict where another process has it; ledger_unavailable.
    static Result<std::unique_ptr<SqliteStore>>
    open(const std::string& data_dir, config::Durability durability, const Clock& clock);
    ~SqliteStore() override;

    Result<Saved> load() override;
    Result<void>
    read_journal(std::int64_t lsn,
                 const std::function<Result<void>(const quota::Batch&)>& visit) override;
    void start(quota::WorkSource& source) override { writer_->start(source); }
    void urge() override { writer_->urge(); }
    void nudge() override { writer_->nudge(); }
    void stop() override { writer_->stop(); }

    Result<Everyone> load_users() override;
    net::Task<Result<access::Team>> add_team(net::Loop& loop, access::Team team) override;
    net::Task<Result<access::User>> add_user(net::Loop& loop, access::User user) override;
    net::Task<Result<void>> update_user(net::Loop& loop, access::User user) override;
    net::Task<Result<access::Key>> add_key(net::Loop& loop, access::Key key) override;
    net::Task<Result<void>> update_key(net::Loop& loop, access::Key key) override;
    net::Task<Result<std::optional<streams::StoredAnswer>>>
    find_answer(net::Loop& loop, KeyId owner, std::string key) override;
    net::Task<Result<void>> save_answer(net::Loop& loop, KeyId owner, std::string key,
                                        streams::StoredAnswer answer) override;
    net::Task<Result<std::optional<streams::StoredResponse>>>
    find_response(net::Loop& loop, UserId owner, std::string id) override;
    net::Task<Result<void>> save_response(net::Loop& loop,
                                          streams::StoredResponse response) override;
    net::Task<Result<bool>> drop_response(net::Loop& loop, UserId owner, std::string id) override;
    Result<std::vector<upstream::SavedKey>> load_provider_keys() override;
    void save_provider_key(upstream::SavedKey key) override;
    Result<std::vector<upstream::AddedKey>> load_added_keys() override;
    net::Task<Result<void>> put_added_key(net::Loop& loop, upstream::AddedKey key) override;
    net::Task<Result<void>> drop_added_key(net::Loop& loop, std::string id) override;
    void note_stage(std::string id, upstream::KeyStage stage) override;
    // The prices in force, in picodollars a token, for whoever asks later what a version was.
    void note_prices(std::vector<config::Price> prices);
    void note_key_use(std::vector<std::pair<KeyId, WallTime>> uses) override;

private:
    explicit SqliteStore(const Clock& clock) : clock_(clock) {}
    net::Task<Result<void>> change(net::Loop& loop, Writer::Change work);

    const Clock& clock_;
    int lock_ = -1;
    std::unique_ptr<Writer> writer_;
};

// A store that is only looked at: another process may have it open, nothing is recovered or
// migrated.
class SqliteReader final : public quota::LedgerStore {
public:
    static Result<std::unique_ptr<SqliteReader>> open(const std::string& data_dir);

    Result<Saved> load() override { return tables_->load(); }
    Result<void>
    read_journal(std::int64_t lsn,
                 const std::function<Result<void>(const quota::Batch&)>& visit) override {
        return tables_->read_journal(lsn, visit);
    }
    void start(quota::WorkSource&) override {}
    void urge() override {}
    void nudge() override {}
    void stop() override {}
    Database& database() { return database_; }

    // Reads everything and judges it.
    Result<quota::Verdict> verify();

private:
    explicit SqliteReader(Database database)
        : database_(std::move(database)), tables_(std::make_unique<LedgerTables>(database_)) {}
    Database database_;
    std::unique_ptr<LedgerTables> tables_;
};

} // namespace weir::storage
