// What `weir ledger verify` finds, and says where, when somebody or something has changed the
// store.

#include "storage/sqlite/ledger_tables.h"

#include "net/system_clock.h"
#include "quota/ledger.h"
#include "storage/sqlite/sqlite_store.h"

#include <algorithm>
#include <filesystem>
#include <gtest/gtest.h>

namespace weir::storage {
namespace {

using namespace std::chrono;
using namespace std::chrono_literals;
using quota::Ledger;
using quota::StoredBatch;
using quota::Verdict;

// Each look at it is a second later, so that every commit comes with a summary.
class StridingClock final : public Clock {
public:
    WallTime wall() const override { return sys_days(2026y / May / 20) + 12h; }
    SteadyTime steady() const override { return SteadyTime(seconds(++looks_)); }

private:
    mutable std::atomic<std::int64_t> looks_ = 0;
};

class Folder {
public:
    Folder() {
        std::string name = testing::TempDir() + "weir_ledger_XXXXXX";
        path_ = mkdtemp(name.data());
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

net::Task<void> until_durable(net::Loop& loop, quota::Reservation& reservation,
                              std::optional<Result<void>>& out) {
    out = co_await reservation.durable(loop);
    loop.stop();
}

// A store with the lives of thirty requests, three of them still open, each in a row of its own.
class ChangedStore : public testing::Test {
protected:
    ChangedStore() {
        auto store = SqliteStore::open(folder.path(), config::Durability::process, clock);
        EXPECT_TRUE(store);
        config::Quota defaults;
        defaults.key.push_back({config::Unit::tokens, config::Period::day, 1'000'000});
        defaults.team.push_back({config::Unit::nanousd, config::Period::month, 1'000'000});
        auto ledger = Ledger::open({**store, striding, random}, defaults);
        EXPECT_TRUE(ledger);
        std::vector<quota::Reservation> still_open;
        for (int i = 0; i < 30; ++i) {
            auto terms = std::make_shared<KeyTerms>();
            terms->id = KeyId(1 + i % 3);
            const Caller caller{UserId(1 + i % 2), TeamId(1), Role::user, std::move(terms)};
            auto reservation = (*ledger)->reserve(caller, {10, 90, 100, 900, 1}, "m");
            EXPECT_TRUE(reservation);
            net::Loop loop(clock);
            std::optional<Result<void>> outcome;
            loop.spawn(until_durable(loop, *reservation, outcome));
            loop.run_for(20s);
            EXPECT_TRUE(outcome && *outcome);
            if (i % 10 == 9) still_open.push_back(*std::move(reservation));
            else std::move(*reservation).settle({.cost = {10, 20 + i, 300}});
        }
        (*ledger)->stop();
    }

    Verdict verify() const {
        auto reader = SqliteReader::open(folder.path());
        EXPECT_TRUE(reader);
        auto verdict = (*reader)->verify();
        EXPECT_TRUE(verdict) << verdict.error().detail();
        return verdict.value_or(Verdict{});
    }
    void edit(const std::string& sql) const {
        auto database = Database::open(folder.path() + "/weir.db", Database::Mode::read_write);
        ASSERT_TRUE(database);
        const auto done = database->run(sql.c_str());
        ASSERT_TRUE(done) << done.error().detail();
    }
    std::vector<StoredBatch> rows() const {
        std::vector<StoredBatch> out;
        auto database = Database::open(folder.path() + "/weir.db", Database::Mode::read_only);
        auto query = database->prepare(
            "SELECT first_lsn, count, checksum, payload FROM journal ORDER BY first_lsn");
        while (*query->next())
            out.push_back(
                {{query->integer(0), static_cast<std::uint32_t>(query->integer(1)), query->text(3)},
                 query->text(2)});
        return out;
    }
    quota::LedgerStore::Saved saved() const {
        auto reader = SqliteReader::open(folder.path());
        return *(*reader)->load();
    }
    // Whether the server would start on it.
    Result<void> start() const {
        auto reader = SqliteReader::open(folder.path());
        if (const auto books = Ledger::read(**reader); !books) return refuse(books.error());
        return {};
    }
    static bool finds(const Verdict& verdict, std::int64_t lsn, std::string_view invariant,
                      std::string_view detail) {
        const auto fits = [&](const quota::LedgerFault& fault) {
            return fault.lsn == lsn && fault.invariant == invariant &&
                   fault.detail.find(detail) != std::string::npos;
        };
        if (std::ranges::any_of(verdict.faults, fits)) return true;
        for (const quota::LedgerFault& fault : verdict.faults)
            ADD_FAILURE() << fault.lsn << " " << fault.invariant << ": " << fault.detail;
        return false;
    }

    Folder folder;
    net::SystemClock clock;
    StridingClock striding;
    net::SystemRandom random;
};

TEST_F(ChangedStore, is_sound_before_anything_is_changed) {
    const Verdict verdict = verify();
    EXPECT_TRUE(verdict.ok());
    EXPECT_EQ(verdict.holds_open, 3);
    EXPECT_EQ(verdict.requests, 27);
    EXPECT_EQ(verdict.nanousd, 27 * 300);
    EXPECT_GT(rows().size(), 25u);
    EXPECT_GT(saved().summary_lsn, 0);
    EXPECT_TRUE(start());
}

TEST_F(ChangedStore, with_a_flipped_byte_of_an_entry) {
    const StoredBatch row = rows().at(12);
    std::string payload = row.batch.payload;
    payload.back() = static_cast<char>(payload.back() ^ 0x10);
    auto database = Database::open(folder.path() + "/weir.db", Database::Mode::read_write);
    auto update = database->prepare("UPDATE journal SET payload = ? WHERE first_lsn = ?");
    ASSERT_TRUE(update->bind_blob(1, payload).bind(2, row.batch.first_lsn).run());
    EXPECT_TRUE(finds(verify(), row.batch.first_lsn, "journal", "does not match its checksum"));
    EXPECT_FALSE(start());
}

TEST_F(ChangedStore, with_any_byte_of_any_entry_flipped) {
    const auto good = rows();
    for (std::size_t at = 0; at < good.size(); at += 5) {
        for (std::size_t i = 0; i < good[at].batch.payload.size(); ++i) {
            for (const char flip : {'\x01', '\x40', '\x80', '\xff'}) {
                quota::Auditor auditor(saved());
                for (StoredBatch row : good) {
                    char& byte = row.batch.payload[std::min(i, row.batch.payload.size() - 1)];
                    if (row.batch.first_lsn == good[at].batch.first_lsn)
                        byte = static_cast<char>(byte ^ flip);
                    auditor.visit(row);
                }
                const Verdict verdict = std::move(auditor).finish();
                ASSERT_FALSE(verdict.ok());
                ASSERT_EQ(verdict.faults.front().lsn, good[at].batch.first_lsn);
            }
        }
    }
}

TEST_F(ChangedStore, without_a_row_in_the_middle) {
    const auto all = rows();
    const std::int64_t lost = all.at(10).batch.first_lsn;
    const std::int64_t next = all.at(11).batch.first_lsn;
    edit("DELETE FROM journal WHERE first_lsn = " + std::to_string(lost));
    const std::string detail =
        "entries " + std::to_string(lost) + " to " + std::to_string(next - 1) + " are missing";
    EXPECT_TRUE(finds(verify(), next, "journal", detail));
    EXPECT_FALSE(start());
}

TEST_F(ChangedStore, without_its_first_row) {
    const std::int64_t next = rows().at(1).batch.first_lsn;
    edit("DELETE FROM journal WHERE first_lsn = 1");
    EXPECT_TRUE(finds(verify(), next, "journal", "are missing"));
}

TEST_F(ChangedStore, without_the_first_row_that_a_restart_needs) {
    edit("DELETE FROM journal WHERE first_lsn = 1; DELETE FROM account; DELETE FROM window; "
         "DELETE FROM usage; UPDATE summary SET lsn = 0, holds_lsn = 0, holds = x''");
    const auto started = start();
    ASSERT_FALSE(started);
    EXPECT_NE(started.error().detail().find("journal row"), std::string_view::npos)
        << started.error().detail();
}

TEST_F(ChangedStore, without_its_last_rows) {
    const auto all = rows();
    const std::int64_t known = saved().summary_lsn;
    ASSERT_GE(known, all.at(all.size() - 3).batch.last_lsn());
    edit("DELETE FROM journal WHERE first_lsn >= " +
         std::to_string(all.at(all.size() - 3).batch.first_lsn));
    EXPECT_TRUE(finds(verify(), all.at(all.size() - 4).batch.last_lsn(), "journal",
                      "the summary knows entry " + std::to_string(known)));
    EXPECT_FALSE(start());
}

TEST_F(ChangedStore, with_a_row_that_is_there_twice) {
    const StoredBatch copied = rows().at(4);
    const std::int64_t end = rows().back().batch.last_lsn() + 1;
    edit("INSERT INTO journal SELECT " + std::to_string(end) +
         ", count, checksum, payload FROM journal WHERE first_lsn = " +
         std::to_string(copied.batch.first_lsn));
    EXPECT_TRUE(finds(verify(), end, "journal", "does not match its checksum"));
    EXPECT_FALSE(start());
}

TEST_F(ChangedStore, with_a_row_that_is_there_twice_and_fits_its_number) {
    const auto all = rows();
    StoredBatch forged = all.at(5);
    forged.batch.first_lsn = all.back().batch.last_lsn() + 1;
    auto database = Database::open(folder.path() + "/weir.db", Database::Mode::read_write);
    auto insert = database->prepare("INSERT INTO journal VALUES (?, ?, ?, ?)");
    insert->bind(1, forged.batch.first_lsn).bind(2, std::int64_t{forged.batch.count});
    insert->bind_blob(3, quota::batch_checksum(forged.batch)).bind_blob(4, forged.batch.payload);
    ASSERT_TRUE(insert->run());
    const Verdict verdict = verify();
    ASSERT_FALSE(verdict.ok());
    EXPECT_EQ(verdict.faults.front().invariant, "I2");
    EXPECT_GE(verdict.faults.front().lsn, forged.batch.first_lsn);
}

TEST_F(ChangedStore, with_two_rows_that_changed_places) {
    const auto all = rows();
    const std::string a = std::to_string(all.at(6).batch.first_lsn);
    const std::string b = std::to_string(all.at(9).batch.first_lsn);
    edit("UPDATE journal SET first_lsn = -1 WHERE first_lsn = " + a +
         "; UPDATE journal SET first_lsn = " + a + " WHERE first_lsn = " + b +
         "; UPDATE journal SET first_lsn = " + b + " WHERE first_lsn = -1");
    const Verdict verdict = verify();
    EXPECT_TRUE(finds(verdict, all[6].batch.first_lsn, "journal", "does not match its checksum"));
    EXPECT_TRUE(finds(verdict, all[9].batch.first_lsn, "journal", "does not match its checksum"));
}

TEST_F(ChangedStore, with_a_changed_balance) {
    edit("UPDATE window SET settled = settled - 7 WHERE account = 1");
    EXPECT_TRUE(finds(verify(), saved().summary_lsn, "I3", "account 1, window"));
    edit("UPDATE window SET settled = settled + 7, held = held + 1 WHERE account = 1");
    EXPECT_TRUE(finds(verify(), saved().summary_lsn, "I3", "account 1, window"));
}

TEST_F(ChangedStore, without_a_balance) {
    edit("DELETE FROM window WHERE account = 1");
    EXPECT_TRUE(finds(verify(), saved().summary_lsn, "I3", "account 1, window"));
}

TEST_F(ChangedStore, with_a_changed_limit) {
    edit("UPDATE account SET \"limit\" = 2000000 WHERE id = 1");
    EXPECT_TRUE(finds(verify(), saved().summary_lsn, "summary", "account 1 is stored otherwise"));
}

TEST_F(ChangedStore, with_a_budget_of_another_period) {
    edit("UPDATE account SET period = 2 WHERE id = 1");
    EXPECT_TRUE(finds(verify(), saved().summary_lsn, "summary", "account 1 is stored otherwise"));
}

TEST_F(ChangedStore, with_a_changed_usage) {
    edit("UPDATE usage SET tokens_out = tokens_out - 1 WHERE key = 1");
    EXPECT_TRUE(finds(verify(), saved().summary_lsn, "summary", "usage totals"));
}

TEST_F(ChangedStore, with_usage_moved_to_another_key) {
    edit("UPDATE usage SET tokens_out = tokens_out - 1 WHERE key = 1 AND user = 1; "
         "UPDATE usage SET tokens_out = tokens_out + 1 WHERE key = 2 AND user = 1");
    EXPECT_TRUE(finds(verify(), saved().summary_lsn, "summary", "usage"));
}

TEST_F(ChangedStore, with_a_forgotten_open_hold) {
    ASSERT_FALSE(saved().open_holds.empty());
    edit("UPDATE summary SET holds = x''");
    EXPECT_FALSE(verify().ok());
}

} // namespace
} // namespace weir::storage
