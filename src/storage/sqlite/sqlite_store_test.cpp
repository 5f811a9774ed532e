#include "storage/sqlite/sqlite_store.h"

#include "net/system_clock.h"
#include "quota/ledger.h"

#include <algorithm>
#include <barrier>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <random>
#include <thread>

namespace weir::storage {
namespace {

using namespace std::chrono;
using namespace std::chrono_literals;
using quota::Bound;
using quota::Ledger;
using quota::Reservation;

// Time passes twenty times as fast, so that there are many summaries; midnight is near.
class FastClock final : public Clock {
public:
    WallTime wall() const override {
        return start + floor<microseconds>(real_.steady() - begun_) * 20;
    }
    SteadyTime steady() const override { return begun_ + (real_.steady() - begun_) * 20; }

private:
    static constexpr WallTime start = sys_days(2026y / January / 31) + 23h + 59min + 50s;
    net::SystemClock real_;
    SteadyTime begun_ = real_.steady();
};

class Folder {
public:
    Folder() {
        std::string name = testing::TempDir() + "weir_store_XXXXXX";
        path_ = mkdtemp(name.data());
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

Caller caller(std::int64_t key) {
    auto terms = std::make_shared<KeyTerms>();
    terms->id = KeyId(key);
    return {UserId(1 + key / 2), TeamId(1 + key % 2), Role::user, std::move(terms)};
}

config::Quota budgets_of_four_scopes() {
    config::Quota out;
    out.key.push_back({config::Unit::tokens, config::Period::day, 4'000'000'000});
    out.user.push_back({config::Unit::requests, config::Period::day, 4'000'000});
    out.team.push_back({config::Unit::nanousd, config::Period::month, 90'000'000'000'000});
    out.everyone.push_back({config::Unit::tokens, config::Period::total, 90'000'000'000});
    return out;
}

net::Task<void> run_and_stop(net::Loop& loop, net::Task<Result<void>> task,
                             std::optional<Result<void>>& out) {
    out = co_await std::move(task);
    loop.stop();
}

class SqliteStoreTest : public testing::Test {
protected:
    std::unique_ptr<SqliteStore> open_store(const std::string& path) {
        auto opened = SqliteStore::open(path, config::Durability::process, clock);
        if (opened) return *std::move(opened);
        ADD_FAILURE() << opened.error().message() << opened.error().detail();
        return nullptr;
    }
    std::unique_ptr<Ledger> open_ledger(SqliteStore& store, const config::Quota& defaults,
                                        const Clock& with) {
        auto opened = Ledger::open({store, with, random}, defaults);
        if (opened) return *std::move(opened);
        ADD_FAILURE() << opened.error().message() << opened.error().detail();
        return nullptr;
    }
    Result<void> durable(Reservation& reservation) {
        net::Loop loop(clock);
        std::optional<Result<void>> outcome;
        loop.spawn(run_and_stop(loop, reservation.durable(loop), outcome));
        loop.run_for(20s);
        return outcome.value_or(refuse(Errc::internal, "it never ended"));
    }
    // The one number that a query gives.
    static std::int64_t number(const std::string& path, const std::string& query) {
        auto database = Database::open(path + "/weir.db", Database::Mode::read_only);
        EXPECT_TRUE(database);
        auto rows = database->prepare(query);
        EXPECT_TRUE(rows && *rows->next());
        return rows->integer(0);
    }
    static void expect_sound(const std::string& path) {
        auto reader = SqliteReader::open(path);
        ASSERT_TRUE(reader) << reader.error().message();
        const auto verdict = (*reader)->verify();
        ASSERT_TRUE(verdict) << verdict.error().detail();
        for (const quota::LedgerFault& fault : verdict->faults)
            ADD_FAILURE() << fault.lsn << " " << fault.invariant << ": " << fault.detail;
    }

    Folder folder;
    net::SystemClock clock;
    net::SystemRandom random;
};

TEST_F(SqliteStoreTest, is_opened_by_one_process_at_a_time) {
    const auto store = open_store(folder.path());
    const auto second = SqliteStore::open(folder.path(), config::Durability::power, clock);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code(), Errc::conflict);
}

TEST_F(SqliteStoreTest, of_a_newer_weir_is_not_opened) {
    open_store(folder.path()).reset();
    {
        auto database = Database::open(folder.path() + "/weir.db", Database::Mode::read_write);
        ASSERT_TRUE(database && database->run("PRAGMA user_version = 99"));
    }
    const auto newer = SqliteStore::open(folder.path(), config::Durability::power, clock);
    ASSERT_FALSE(newer);
    EXPECT_EQ(newer.error().code(), Errc::ledger_unavailable);
}

TEST_F(SqliteStoreTest, eight_threads_racing_for_a_budget_get_exactly_what_it_holds) {
    const auto store = open_store(folder.path());
    config::Quota defaults;
    defaults.user.push_back({config::Unit::requests, config::Period::day, 700});
    auto ledger = open_ledger(*store, defaults, clock);
    std::mutex mutex;
    std::vector<Reservation> admitted;
    {
        std::barrier start(8);
        std::vector<std::jthread> threads;
        for (int i = 0; i < 8; ++i) {
            threads.emplace_back([&] {
                start.arrive_and_wait();
                for (int n = 0; n < 300; ++n) {
                    auto reservation = ledger->reserve(caller(1), {}, "m");
                    const std::lock_guard lock(mutex);
                    if (reservation) admitted.push_back(*std::move(reservation));
                }
            });
        }
    }
    EXPECT_EQ(admitted.size(), 700u);
    EXPECT_TRUE(durable(admitted.back()));
    for (Reservation& one : admitted) std::move(one).settle({});
    admitted.clear();
    ledger->stop();
    expect_sound(folder.path());
}

TEST_F(SqliteStoreTest, stop_writes_everything_that_was_queued) {
    const auto store = open_store(folder.path());
    auto ledger = open_ledger(*store, {}, clock);
    std::vector<Reservation> holds;
    {
        // Another connection keeps the writer waiting while more queues than one batch can hold.
        auto other = Database::open(folder.path() + "/weir.db", Database::Mode::read_write);
        ASSERT_TRUE(other && other->run("BEGIN IMMEDIATE"));
        for (int i = 0; i < 3'500; ++i) {
            auto reservation = ledger->reserve(caller(i % 10), {}, "m");
            ASSERT_TRUE(reservation);
            holds.push_back(*std::move(reservation));
        }
        std::jthread stopping([&] { ledger->stop(); });
        ASSERT_TRUE(other->run("COMMIT"));
    }
    const auto reader = SqliteReader::open(folder.path());
    ASSERT_TRUE(reader);
    const auto verdict = (*reader)->verify();
    ASSERT_TRUE(verdict);
    EXPECT_TRUE(verdict->ok());
    EXPECT_EQ(verdict->holds_open, 3'500);
}

TEST_F(SqliteStoreTest, settlements_are_written_without_anybody_waiting) {
    const auto store = open_store(folder.path());
    auto ledger = open_ledger(*store, {}, clock);
    auto reservation = ledger->reserve(caller(1), {}, "m");
    ASSERT_TRUE(reservation);
    ASSERT_TRUE(durable(*reservation));
    const std::int64_t lsn = std::move(*reservation).settle({});
    const auto give_up = clock.steady() + 10s;
    while (clock.steady() < give_up) {
        if (number(folder.path(), "SELECT max(first_lsn + count - 1) FROM journal") >= lsn &&
            number(folder.path(), "SELECT lsn FROM summary") >= lsn)
            break;
        std::this_thread::yield();
    }
    EXPECT_LT(clock.steady(), give_up);
}

net::Task<void> add_team(net::Loop& loop, SqliteStore& store,
                         std::optional<Result<access::Team>>& out) {
    access::Team team{{}, "research", {}};
    out = co_await store.add_team(loop, std::move(team));
    loop.stop();
}

TEST_F(SqliteStoreTest, refuses_a_change_after_it_was_stopped) {
    const auto store = open_store(folder.path());
    store->stop();
    net::Loop loop(clock);
    std::optional<Result<access::Team>> outcome;
    loop.spawn(add_team(loop, *store, outcome));
    loop.run_for(2s);
    ASSERT_TRUE(outcome) << "it never ended";
    EXPECT_FALSE(*outcome);
}

// --- crashes

// What a kill -9 would have left behind: the files as they are at one moment.
struct Image {
    std::string database;
    std::string log;
    std::int64_t acknowledged = 0; // reservations that were told to be durable before it
};

std::string read_file(const std::string& path, std::size_t most = SIZE_MAX) {
    std::string out(std::min<std::size_t>(std::filesystem::file_size(path), most), '\0');
    std::ifstream(path, std::ios::binary)
        .read(out.data(), static_cast<std::streamsize>(out.size()));
    return out;
}

// A checkpoint may copy pages meanwhile, since the log still has them; but if the log begins anew,
// which shows in its header, the image is taken again.
Image take_image(const std::string& path, const std::atomic<std::int64_t>& acknowledged) {
    constexpr std::size_t log_header = 32;
    while (true) {
        const std::string header = read_file(path + "/weir.db-wal", log_header);
        Image out;
        out.acknowledged = acknowledged;
        out.database = read_file(path + "/weir.db");
        out.log = read_file(path + "/weir.db-wal");
        if (out.log.starts_with(header)) return out;
    }
}

void put_image(const Image& image, const std::string& path) {
    std::ofstream(path + "/weir.db", std::ios::binary) << image.database;
    std::ofstream(path + "/weir.db-wal", std::ios::binary) << image.log;
}

struct Traffic {
    Ledger& ledger;
    std::atomic<bool>& ends;
    std::atomic<std::int64_t>& acknowledged;
    int running = 0;
};

// One client after the other; how each request ends is chance.
net::Task<void> send_requests(net::Loop& loop, Traffic& traffic, std::uint64_t seed) {
    std::mt19937_64 chance(seed); // NOLINT: a fixed seed repeats the run
    ++traffic.running;
    while (!traffic.ends) {
        const Bound bound{static_cast<std::int64_t>(chance() % 50), 200, 1'000, 9'000, 1};
        auto reservation =
            traffic.ledger.reserve(caller(static_cast<std::int64_t>(1 + chance() % 8)), bound, "m");
        if (!reservation) break;
        const auto written = co_await reservation->durable(loop);
        if (!written) break;
        ++traffic.acknowledged;
        if (chance() % 8 == 0) continue; // dropped before it is sent
        reservation->mark_sent({bound.input_tokens, 0, bound.input_nanousd});
        if (chance() % 8 == 0) continue; // dropped after
        const auto out = static_cast<std::int64_t>(chance() % 230);
        const quota::Cost cost{bound.input_tokens, out, 1'000 + 40 * out};
        std::move(*reservation).settle({.cost = cost});
    }
    if (--traffic.running > 0) co_return;
    traffic.ends = true;
    loop.stop();
}

std::vector<quota::Entry> all_entries(quota::LedgerStore& store) {
    std::vector<quota::Entry> out;
    const auto keep = [&](const quota::Batch& batch) -> Result<void> {
        std::string_view payload = batch.payload;
        while (auto entry = quota::take_entry(payload)) out.push_back(*std::move(entry));
        return {};
    };
    EXPECT_TRUE(store.read_journal(0, keep));
    return out;
}

void expect_same_totals(const quota::Books::Totals& a, const quota::Books::Totals& b) {
    EXPECT_EQ(a.requests, b.requests);
    EXPECT_EQ(a.tokens_in, b.tokens_in);
    EXPECT_EQ(a.tokens_out, b.tokens_out);
    EXPECT_EQ(a.nanousd, b.nanousd);
    EXPECT_EQ(a.overages, b.overages);
    EXPECT_EQ(a.holds_open, b.holds_open);
}

void expect_same_books(quota::Books& recovered, quota::Books& replayed) {
    ASSERT_EQ(recovered.accounts().size(), replayed.accounts().size());
    for (const quota::AccountState& state : replayed.accounts()) {
        const auto* const other = recovered.find(state.account.id);
        EXPECT_EQ(other->account.limit, state.account.limit);
        EXPECT_EQ(other->account.subject, state.account.subject);
        expect_same_totals(recovered.totals(state.account.subject),
                           replayed.totals(state.account.subject));
        if (state.windows.empty()) continue;
        const auto newest = std::ranges::max(
            state.windows, {}, [](const quota::Window& window) { return window.span.start; });
        for (const quota::Window& window : state.windows) {
            if (window.held == 0 && window.span != newest.span) continue; // over and done
            const auto found = std::ranges::find(other->windows, window.span, &quota::Window::span);
            ASSERT_TRUE(found != other->windows.end());
            EXPECT_EQ(found->settled, window.settled);
            EXPECT_EQ(found->held, window.held);
        }
    }
    ASSERT_EQ(recovered.holds().size(), replayed.holds().size());
    for (const auto& [id, hold] : replayed.holds()) {
        const auto other = recovered.holds().find(id);
        ASSERT_TRUE(other != recovered.holds().end());
        ASSERT_EQ(other->second.deltas.size(), hold.deltas.size());
        for (std::size_t i = 0; i < hold.deltas.size(); ++i)
            EXPECT_EQ(other->second.deltas[i].held, hold.deltas[i].held);
    }
}

class CrashTest : public SqliteStoreTest {
protected:
    std::vector<Image> images_of_a_busy_store(int wanted) {
        std::vector<Image> out;
        const auto store = open_store(folder.path());
        auto ledger = open_ledger(*store, budgets_of_four_scopes(), fast);
        std::atomic<bool> ends = false;
        std::atomic<std::int64_t> acknowledged = 0;
        std::jthread server([&] {
            net::Loop loop(clock);
            Traffic traffic{*ledger, ends, acknowledged};
            for (std::uint64_t seed = 1; seed <= 24; ++seed)
                loop.spawn(send_requests(loop, traffic, seed));
            loop.run();
        });
        std::mt19937_64 chance(1); // NOLINT: a fixed seed repeats the run
        for (int i = 0; i < wanted; ++i) {
            const std::int64_t goal =
                acknowledged + 1 + static_cast<std::int64_t>(chance() % 1'500);
            while (acknowledged < goal && !ends) std::this_thread::yield();
            out.push_back(take_image(folder.path(), acknowledged));
        }
        ends = true;
        server.join();
        ledger->stop();
        expect_sound(folder.path());
        return out;
    }
    void expect_recovery(const Image& image) {
        const Folder copy;
        put_image(image, copy.path());
        expect_sound(copy.path());
        quota::Books::Totals before;
        std::int64_t entries_before = 0;
        {
            const auto reader = SqliteReader::open(copy.path());
            ASSERT_TRUE(reader);
            auto recovered = Ledger::read(**reader);
            ASSERT_TRUE(recovered) << recovered.error().detail();
            quota::Books replayed;
            const auto entries = all_entries(**reader);
            for (const quota::Entry& entry : entries) ASSERT_FALSE(replayed.apply(entry));
            expect_same_books(*recovered, replayed);
            EXPECT_GE(std::ranges::count(entries, quota::EntryKind::reserve, &quota::Entry::kind),
                      image.acknowledged);
            before = replayed.totals({config::Scope::everyone, 0});
            entries_before = static_cast<std::int64_t>(entries.size());
        }
        {
            const auto store = open_store(copy.path());
            auto ledger = open_ledger(*store, budgets_of_four_scopes(), fast);
            const auto after = ledger->totals({config::Scope::everyone, 0});
            EXPECT_EQ(after.holds_open, 0);
            EXPECT_EQ(after.requests, before.requests + before.holds_open);
            ledger->stop();
        }
        const auto reader = SqliteReader::open(copy.path());
        const auto entries = all_entries(**reader);
        EXPECT_EQ(static_cast<std::int64_t>(entries.size()), entries_before + before.holds_open);
        for (auto i = static_cast<std::size_t>(entries_before); i < entries.size(); ++i) {
            EXPECT_EQ(entries[i].kind, quota::EntryKind::settle);
            EXPECT_EQ(entries[i].reason, quota::Reason::crash);
        }
        expect_sound(copy.path());
    }

    FastClock fast;
};

TEST_F(CrashTest, leaves_a_ledger_that_every_reading_agrees_about) {
    const std::vector<Image> images = images_of_a_busy_store(12);
    for (const Image& image : images) {
        expect_recovery(image);
        if (HasFailure()) return;
    }
    EXPECT_GT(images.back().acknowledged, 1'000);
}

TEST_F(CrashTest, in_the_middle_of_a_write_loses_only_that_write) {
    Image image = images_of_a_busy_store(6).back();
    std::mt19937_64 chance(2); // NOLINT: a fixed seed repeats the run
    for (int i = 0; i < 6 && !HasFailure(); ++i) {
        // The log is cut at any byte, and what follows it may be noise.
        image.log.resize(image.log.size() -
                         chance() % std::min<std::size_t>(image.log.size(), 6'000));
        for (std::size_t n = chance() % 500; n > 0; --n)
            image.log.push_back(static_cast<char>(chance()));
        image.acknowledged = 0;
        expect_recovery(image);
    }
}

TEST_F(CrashTest, during_recovery_is_recovered_from_too) {
    const Image image = images_of_a_busy_store(3).back();
    const Folder copy;
    put_image(image, copy.path());
    {
        const auto store = open_store(copy.path());
        auto ledger = open_ledger(*store, budgets_of_four_scopes(), fast);
        expect_recovery(take_image(copy.path(), 0));
    }
    expect_sound(copy.path());
}

} // namespace
} // namespace weir::storage
