#include "storage/sqlite/sqlite_store.h"

#include "net/signal.h"
#include "quota/price.h"
#include "storage/sqlite/answer_table.h"
#include "storage/sqlite/provider_key_table.h"
#include "storage/sqlite/response_table.h"
#include "storage/sqlite/schema.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/core.h>
#include <sys/file.h>
#include <unistd.h>

namespace weir::storage {
namespace {

constexpr const char* file_name = "weir.db";

// flock belongs to the open file: it is gone with the process, however that ends.
Result<int> lock_directory(const std::string& data_dir) {
    const std::string path = data_dir + "/lock";
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0)
        return refuse(Errc::conflict,
                      fmt::format("cannot write to {}: {}", data_dir, std::strerror(errno)));
    if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        ::close(descriptor);
        return refuse(
            Errc::conflict,
            fmt::format("another weir uses {}; stop it, or choose another --data-dir", data_dir));
    }
    return descriptor;
}

Result<Database> open_database(const std::string& path, config::Durability durability) {
    WEIR_TRY(Database database, Database::open(path, Database::Mode::read_write));
    WEIR_CHECK(database.run("PRAGMA journal_mode = WAL"));
    WEIR_CHECK(database.run(durability == config::Durability::power
                                ? "PRAGMA synchronous = FULL"
                                : "PRAGMA synchronous = NORMAL"));
    WEIR_CHECK(database.run("PRAGMA wal_autocheckpoint = 2000"));
    WEIR_CHECK(database.run("PRAGMA foreign_keys = ON"));
    return database;
}

} // namespace

Result<std::unique_ptr<SqliteStore>>
SqliteStore::open(const std::string& data_dir, config::Durability durability, const Clock& clock) {
    std::error_code failed;
    std::filesystem::create_directories(data_dir, failed);
    if (failed)
        return refuse(Errc::conflict,
                      fmt::format("cannot make {}: {}", data_dir, failed.message()));
    std::filesystem::permissions(data_dir, std::filesystem::perms::owner_all, failed);
    std::unique_ptr<SqliteStore> store(new SqliteStore(clock));
    WEIR_TRY(store->lock_, lock_directory(data_dir));
    WEIR_TRY(Database database, open_database(data_dir + "/" + file_name, durability));
    WEIR_CHECK(migrate(database));
    store->writer_ = std::make_unique<Writer>(std::move(database), clock);
    return store;
}

SqliteStore::~SqliteStore() {
    writer_.reset();
    if (lock_ >= 0) ::close(lock_);
}

Result<SqliteStore::Saved> SqliteStore::load() { return LedgerTables(writer_->database()).load(); }

Result<void>
SqliteStore::read_journal(std::int64_t lsn,
                          const std::function<Result<void>(const quota::Batch&)>& visit) {
    return LedgerTables(writer_->database()).read_journal(lsn, visit);
}

// The change runs on the writer's thread; the caller goes on, on its own loop, when it is durable.
net::Task<Result<void>> SqliteStore::change(net::Loop& loop, Writer::Change work) {
    net::Signal done(loop);
    Result<void> outcome;
    writer_->enqueue(std::move(work), [&](Result<void> result) {
        loop.post([&outcome, &done, moved = std::move(result)]() mutable {
            outcome = std::move(moved);
            done.notify();
        });
    });
    co_await done.wait();
    co_return outcome;
}

// Read where changes are made, so that it needs no connection of its own.
net::Task<Result<std::optional<streams::StoredAnswer>>>
SqliteStore::find_answer(net::Loop& loop, KeyId owner, std::string key) {
    std::optional<streams::StoredAnswer> out;
    Writer::Change look = [&, this](Database& database) -> Result<void> {
        WEIR_TRY(out, storage::find_answer(database, owner, key, clock_.wall()));
        return {};
    };
    CO_CHECK(co_await change(loop, std::move(look)));
    co_return out;
}

net::Task<Result<void>> SqliteStore::save_answer(net::Loop& loop, KeyId owner, std::string key,
                                                 streams::StoredAnswer answer) {
    Writer::Change keep = [&, this](Database& database) {
        return storage::save_answer(database, owner, key, answer, clock_.wall());
    };
    co_return co_await change(loop, std::move(keep));
}

net::Task<Result<std::optional<streams::StoredResponse>>>
SqliteStore::find_response(net::Loop& loop, UserId owner, std::string id) {
    std::optional<streams::StoredResponse> out;
    Writer::Change look = [&, this](Database& database) -> Result<void> {
        WEIR_TRY(out, storage::find_response(database, owner, id, clock_.wall()));
        return {};
    };
    CO_CHECK(co_await change(loop, std::move(look)));
    co_return out;
}

net::Task<Result<void>> SqliteStore::save_response(net::Loop& loop,
                                                   streams::StoredResponse response) {
    Writer::Change keep = [&, this](Database& database) {
        return storage::save_response(database, response, clock_.wall());
    };
    co_return co_await change(loop, std::move(keep));
}

net::Task<Result<bool>> SqliteStore::drop_response(net::Loop& loop, UserId owner, std::string id) {
    bool there = false;
    Writer::Change drop = [&](Database& database) -> Result<void> {
        WEIR_TRY(there, storage::drop_response(database, owner, id));
        return {};
    };
    CO_CHECK(co_await change(loop, std::move(drop)));
    co_return there;
}

Result<std::vector<upstream::SavedKey>> SqliteStore::load_provider_keys() {
    return storage::load_provider_keys(writer_->database());
}

void SqliteStore::save_provider_key(upstream::SavedKey key) {
    Writer::Change keep = [saved = std::move(key)](Database& database) {
        return storage::save_provider_key(database, saved);
    };
    // A state that is lost is found out again by the next request.
    writer_->enqueue(std::move(keep), [](const Result<void>&) {});
}

Result<std::vector<upstream::AddedKey>> SqliteStore::load_added_keys() {
    return storage::load_added_keys(writer_->database());
}

net::Task<Result<void>> SqliteStore::put_added_key(net::Loop& loop, upstream::AddedKey key) {
    Writer::Change put = [&](Database& database) { return storage::put_added_key(database, key); };
    co_return co_await change(loop, std::move(put));
}

net::Task<Result<void>> SqliteStore::drop_added_key(net::Loop& loop, std::string id) {
    Writer::Change drop = [&](Database& database) { return storage::drop_added_key(database, id); };
    co_return co_await change(loop, std::move(drop));
}

void SqliteStore::note_stage(std::string id, upstream::KeyStage stage) {
    Writer::Change set = [key = std::move(id), stage](Database& database) {
        return storage::set_key_stage(database, key, stage);
    };
    writer_->enqueue(std::move(set), [](const Result<void>&) {});
}

void SqliteStore::note_prices(std::vector<config::Price> prices) {
    Writer::Change keep = [all = std::move(prices), this](Database& database) -> Result<void> {
        WEIR_TRY(Statement put, database.prepare("INSERT OR IGNORE INTO price VALUES "
                                                 "(?, ?, ?, ?, ?, ?)"));
        for (const config::Price& price : all) {
            put.bind(1, quota::version_of(price)).bind(2, price.input).bind(3, price.output);
            put.bind(4, price.cached_input).bind(5, price.reasoning);
            put.bind(6, clock_.wall().time_since_epoch().count());
            WEIR_CHECK(put.run());
        }
        return {};
    };
    // What a lost note would tell, the next start tells again.
    writer_->enqueue(std::move(keep), [](const Result<void>&) {});
}

Result<std::unique_ptr<SqliteReader>> SqliteReader::open(const std::string& data_dir) {
    WEIR_TRY(Database database,
             Database::open(data_dir + "/" + file_name, Database::Mode::read_only));
    return std::unique_ptr<SqliteReader>(new SqliteReader(std::move(database))); // NOLINT: private
}

Result<quota::Verdict> SqliteReader::verify() {
    // One read transaction: the server may go on writing meanwhile.
    WEIR_CHECK(database_.run("BEGIN"));
    WEIR_TRY(Saved saved, tables_->load());
    quota::Auditor auditor(std::move(saved));
    WEIR_TRY(Statement rows,
             database_.prepare("SELECT first_lsn, count, checksum, payload FROM journal "
                               "ORDER BY first_lsn"));
    while (true) {
        WEIR_TRY(const bool row, rows.next());
        if (!row) break;
        const auto count = static_cast<std::uint32_t>(rows.integer(1));
        auditor.visit({{rows.integer(0), count, rows.text(3)}, rows.text(2)});
    }
    WEIR_CHECK(database_.run("COMMIT"));
    return std::move(auditor).finish();
}

} // namespace weir::storage
