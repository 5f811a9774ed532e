#pragma once
// What the ledger's tests stand on: a clock that is set by hand, a disk made of memory, and a
// ledger over both. For tests alone.

#include "quota/ledger.h"

#include "base/limits.h"
#include "net/system_clock.h"
#include "quota/verify.h"

#include <algorithm>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <thread>

namespace weir::quota {

using namespace std::chrono;
using namespace std::chrono_literals;

inline constexpr WallTime noon = sys_days(2026y / May / 20) + 12h;

class FakeClock final : public Clock {
public:
    WallTime wall() const override { return WallTime(microseconds(wall_.load())); }
    SteadyTime steady() const override { return SteadyTime(nanoseconds(steady_.load())); }
    void set(WallTime wall) { wall_ = wall.time_since_epoch().count(); }
    void advance(microseconds by) { wall_ += by.count(), steady_ += nanoseconds(by).count(); }

private:
    std::atomic<std::int64_t> wall_ = noon.time_since_epoch().count();
    std::atomic<std::int64_t> steady_ = 1;
};

// A disk made of memory. It writes inside urge() and nudge(), or on a thread of its own.
class MemoryStore final : public LedgerStore {
public:
    enum class Writes : std::uint8_t { on_call, on_thread };
    explicit MemoryStore(Writes writes = Writes::on_call) : writes_(writes) {}
    ~MemoryStore() override { stop(); }

    Result<Saved> load() override {
        Saved out = saved_;
        for (const auto& [id, account] : accounts_) out.accounts.push_back(account);
        for (const auto& [place, row] : windows_) {
            const auto newer = std::ranges::count_if(windows_, [&](const auto& other) {
                return other.first.first == place.first && other.first.second > place.second;
            });
            if (row.window.held != 0 || newer < static_cast<std::ptrdiff_t>(limits::windows_kept))
                out.windows.push_back(row);
        }
        for (const auto& [payer, row] : usage_) out.totals.push_back(row);
        return out;
    }
    Result<void> read_journal(std::int64_t lsn,
                              const std::function<Result<void>(const Batch&)>& visit) override {
        for (const Batch& batch : journal)
            if (batch.last_lsn() > lsn) WEIR_CHECK(visit(batch));
        return {};
    }
    void start(WorkSource& source) override {
        source_ = &source;
        if (writes_ == Writes::on_thread) thread_ = std::thread([this] { run(); });
    }
    void urge() override {
        if (writes_ == Writes::on_call) return write_all();
        const std::lock_guard lock(mutex_);
        urged_ = true;
        wake_.notify_one();
    }
    void nudge() override { urge(); }
    void stop() override {
        if (writes_ == Writes::on_call && !paused) write_all();
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
            wake_.notify_one();
        }
        if (thread_.joinable()) thread_.join();
        source_ = nullptr;
    }

    // What is on it, as another process would find it.
    std::unique_ptr<MemoryStore> copy() const {
        auto out = std::make_unique<MemoryStore>();
        out->journal = journal;
        out->saved_ = saved_;
        out->accounts_ = accounts_;
        out->windows_ = windows_;
        out->usage_ = usage_;
        return out;
    }
    // Requires: nothing is being written.
    std::deque<Batch> journal;
    bool paused = false; // nothing is written meanwhile; for on_call
    int failures = 0;    // that many of the next commits fail

    void write_all() {
        while (source_ != nullptr && !paused && unfinished_.empty()) {
            Work work = source_->take();
            if (work.empty()) return;
            if (failures > 0) {
                --failures;
                unfinished_ = std::move(work);
                source_->failed(unfinished_,
                                Error(Errc::ledger_unavailable).because("the disk is full"));
                return;
            }
            write(work);
        }
    }
    // What failed turns out to be on the disk, or is written now; the rest follows.
    void mend() {
        write(std::exchange(unfinished_, {}));
        write_all();
    }

private:
    void write(const Work& work) {
        if (work.batch.count > 0) journal.push_back(work.batch);
        if (work.summary) keep(*work.summary);
        source_->committed(work);
    }
    void run() {
        std::unique_lock lock(mutex_);
        while (true) {
            wake_.wait(lock, [&] { return urged_ || stopping_; });
            const bool last = stopping_;
            urged_ = false;
            lock.unlock();
            write_all();
            lock.lock();
            if (last) return;
        }
    }
    void keep(const Summary& summary) {
        saved_.summary_lsn = summary.lsn;
        for (const Account& account : summary.accounts) accounts_[account.id] = account;
        for (const WindowRow& row : summary.windows)
            windows_.insert_or_assign({row.account, row.window.span.start}, row);
        for (const UsageRow& row : summary.usage) {
            const std::int64_t team = row.payer.team ? row.payer.team->value() : 0;
            UsageRow& kept = usage_[{row.payer.key.value(), row.payer.user.value(), team}];
            kept.payer = row.payer;
            kept.requests += row.requests;
            kept.tokens_in += row.tokens_in;
            kept.tokens_out += row.tokens_out;
            kept.nanousd += row.nanousd;
            kept.overages += row.overages;
        }
        if (!summary.open_holds) return;
        saved_.holds_lsn = summary.lsn;
        saved_.open_holds = *summary.open_holds;
    }

    Writes writes_;
    Work unfinished_; // what failed
    Saved saved_;
    std::map<AccountId, Account> accounts_;
    std::map<std::pair<AccountId, std::int64_t>, WindowRow> windows_;
    std::map<std::tuple<std::int64_t, std::int64_t, std::int64_t>, UsageRow> usage_;
    WorkSource* source_ = nullptr;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool urged_ = false;
    bool stopping_ = false;
    std::thread thread_;
};

inline Caller caller(std::int64_t key, std::int64_t user, std::optional<std::int64_t> team) {
    auto terms = std::make_shared<KeyTerms>();
    terms->id = KeyId(key);
    Caller out{UserId(user), std::nullopt, Role::user, std::move(terms)};
    if (team) out.team = TeamId(*team);
    return out;
}

inline config::Quota one_request_budget(Scope scope, std::int64_t limit) {
    config::Quota out;
    auto& place = scope == Scope::key    ? out.key
                  : scope == Scope::user ? out.user
                  : scope == Scope::team ? out.team
                                         : out.everyone;
    place.push_back({Unit::requests, Period::day, limit});
    return out;
}

// Runs what `start` makes on a loop of its own until it ends.
inline Result<void> finish(const std::function<net::Task<Result<void>>(net::Loop&)>& start,
                           const std::function<void(net::Loop&)>& meanwhile = {}) {
    const net::SystemClock clock;
    net::Loop loop(clock);
    std::optional<Result<void>> outcome;
    const auto body = [](net::Loop& mine, net::Task<Result<void>> task,
                         std::optional<Result<void>>& out) -> net::Task<void> {
        out = co_await std::move(task);
        mine.stop();
    };
    loop.spawn(body(loop, start(loop), outcome));
    if (meanwhile) meanwhile(loop);
    loop.run_for(20s);
    if (!outcome) return refuse(Errc::internal, "it never ended");
    return *outcome;
}

// A ledger over a memory store with everything that it needs.
class LedgerTest : public testing::Test {
protected:
    std::unique_ptr<Ledger> open(MemoryStore& disk, const config::Quota& defaults) {
        auto opened = Ledger::open({disk, clock, random}, defaults);
        if (opened) return *std::move(opened);
        ADD_FAILURE() << opened.error().detail();
        return nullptr;
    }
    Window window_of(Ledger& ledger, const Subject& subject, Unit unit = Unit::requests) {
        for (const Ledger::View& view : ledger.views(subject))
            if (view.account.unit == unit) return view.window;
        ADD_FAILURE() << "no such account";
        return {};
    }
    // Every entry on the disk, in order.
    static std::vector<Entry> entries(const MemoryStore& disk) {
        std::vector<Entry> out;
        for (const Batch& batch : disk.journal) {
            std::string_view payload = batch.payload;
            while (auto entry = take_entry(payload)) out.push_back(*std::move(entry));
        }
        return out;
    }
    static Entry last(const MemoryStore& disk) {
        const auto all = entries(disk);
        return all.empty() ? Entry{} : all.back();
    }
    static void expect_sound(MemoryStore& disk) {
        Auditor auditor(*disk.load());
        for (const Batch& batch : disk.journal) auditor.visit({batch, batch_checksum(batch)});
        for (const LedgerFault& fault : std::move(auditor).finish().faults)
            ADD_FAILURE() << fault.lsn << " " << fault.invariant << ": " << fault.detail;
    }

    FakeClock clock;
    net::SystemRandom random;
    MemoryStore store;
    const Caller alice = caller(1, 1, 1);
    const Subject alices_key{Scope::key, 1};
    const Subject alice_herself{Scope::user, 1};
};

} // namespace weir::quota
