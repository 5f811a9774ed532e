// What a durable request costs, and what the in-memory part of it takes.
//
//   pairs          reserve, wait until durable, settle; the argument is how many are in flight.
//                  Power: every commit reaches the disk. The data lies beside the program.
//   pairs_process  the same, surviving kill -9 alone
//   recover        a start after a crash that left so many holds open
//   reserve/memory one call of reserve() over four scopes, with a store that never holds it up

#include "net/system_clock.h"
#include "quota/ledger.h"
#include "storage/sqlite/sqlite_store.h"

#include <algorithm>
#include <benchmark/benchmark.h>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <vector>

namespace weir::storage {
namespace {

using quota::Bound;
using quota::Ledger;
using quota::Reservation;

const Bound bound{
    .input_tokens = 40, .output_tokens = 512, .input_nanousd = 6'000, .output_nanousd = 307'200};
constexpr quota::Cost cost{40, 300, 186'000};

void require(bool condition) {
    if (!condition) std::abort();
}

// A folder on the disk that the program lies on: /tmp may be memory, where nothing is durable.
class Folder {
public:
    Folder() {
        const auto beside = std::filesystem::read_symlink("/proc/self/exe").parent_path();
        std::string name = beside / "bench_ledger_XXXXXX";
        require(mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

config::Quota budgets_of_four_scopes() {
    const config::Budget large{config::Unit::tokens, config::Period::day, std::int64_t{1} << 60};
    config::Quota out;
    out.key = out.user = out.team = out.everyone = {large};
    return out;
}

std::vector<Caller> callers() {
    std::vector<Caller> out;
    for (std::int64_t id = 1; id <= 100; ++id) {
        auto terms = std::make_shared<KeyTerms>();
        terms->id = KeyId(id);
        out.push_back({UserId(id), TeamId(1 + id % 10), Role::user, std::move(terms)});
    }
    return out;
}

// --- durable pairs

// What a sorted list holds at a share of its length.
double at_share(std::vector<std::int64_t>& list, double share) {
    if (list.empty()) return 0;
    std::ranges::sort(list);
    return static_cast<double>(
        list[static_cast<std::size_t>(static_cast<double>(list.size() - 1) * share)]);
}

struct Road {
    Ledger& ledger;
    const Clock& clock;
    std::vector<std::int64_t> waits_us = {}; // for a RESERVE to be durable
    std::vector<Caller> from = callers();
    std::int64_t wanted = 0; // requests that have yet to begin
    std::int64_t in_flight = 0;
};

Result<Reservation> admit(Road& road) {
    const auto turn = static_cast<std::size_t>(road.wanted) % road.from.size();
    return road.ledger.reserve(road.from[turn], bound, "a-model");
}

// One request after the other, while more are wanted.
net::Task<void> send_requests(net::Loop& loop, Road& road) {
    std::int64_t last = 0;
    while (road.wanted-- > 0) {
        auto reservation = admit(road);
        require(reservation.has_value());
        const SteadyTime asked = road.clock.steady();
        const auto durable = co_await reservation->durable(loop);
        require(durable.has_value());
        road.waits_us.push_back(
            std::chrono::duration_cast<std::chrono::microseconds>(road.clock.steady() - asked)
                .count());
        reservation->mark_sent({bound.input_tokens, 0, bound.input_nanousd});
        last = std::move(*reservation).settle({.cost = cost});
    }
    const auto settled = co_await road.ledger.when_durable(last, loop);
    require(settled.has_value());
    if (--road.in_flight == 0) loop.stop();
}

void measure_pairs(benchmark::State& state, config::Durability durability) {
    constexpr std::int64_t pairs_an_iteration = 20'000;
    const Folder folder;
    const net::SystemClock clock;
    net::SystemRandom random;
    auto store = SqliteStore::open(folder.path(), durability, clock);
    require(store.has_value());
    auto ledger = Ledger::open({**store, clock, random}, budgets_of_four_scopes());
    require(ledger.has_value());
    std::vector<std::int64_t> waits;
    for (auto _ : state) {
        net::Loop loop(clock);
        Road road{.ledger = **ledger,
                  .clock = clock,
                  .wanted = pairs_an_iteration,
                  .in_flight = state.range(0)};
        for (std::int64_t i = 0; i < state.range(0); ++i) loop.spawn(send_requests(loop, road));
        loop.run();
        waits.insert(waits.end(), road.waits_us.begin(), road.waits_us.end());
    }
    state.counters["durable_p50_us"] = at_share(waits, 0.50);
    state.counters["durable_p99_us"] = at_share(waits, 0.99);
    state.SetItemsProcessed(state.iterations() * pairs_an_iteration);
}

void pairs(benchmark::State& state) { measure_pairs(state, config::Durability::power); }
void pairs_process(benchmark::State& state) { measure_pairs(state, config::Durability::process); }

// --- the part in memory

// Takes the ledger's work when it is asked to, and throws it away.
class Drain final : public quota::LedgerStore {
public:
    Result<Saved> load() override { return Saved{}; }
    Result<void> read_journal(std::int64_t,
                              const std::function<Result<void>(const quota::Batch&)>&) override {
        return {};
    }
    void start(quota::WorkSource& source) override { source_ = &source; }
    void urge() override {}
    void nudge() override {}
    void stop() override {}
    void empty() {
        for (quota::Work work = source_->take(); !work.empty(); work = source_->take())
            source_->committed(work);
    }

private:
    quota::WorkSource* source_ = nullptr;
};

void reserve_in_memory(benchmark::State& state) {
    using Timer = std::chrono::steady_clock;
    constexpr std::size_t group = 256;
    Drain store;
    const net::SystemClock clock;
    net::SystemRandom random;
    auto ledger = Ledger::open({store, clock, random}, budgets_of_four_scopes());
    require(ledger.has_value());
    const std::vector<Caller> from = callers();
    std::vector<Reservation> holds;
    std::vector<std::int64_t> nanoseconds;
    for (auto _ : state) {
        const auto begun = Timer::now();
        auto reservation = (*ledger)->reserve(from[holds.size() % from.size()], bound, "a-model");
        const std::chrono::duration<double> took = Timer::now() - begun;
        state.SetIterationTime(took.count());
        nanoseconds.push_back(static_cast<std::int64_t>(took.count() * 1e9));
        require(reservation.has_value());
        holds.push_back(*std::move(reservation));
        if (holds.size() < group) continue;
        for (Reservation& hold : holds) std::move(hold).settle({.cost = cost});
        holds.clear();
        store.empty();
    }
    state.counters["p50_ns"] = at_share(nanoseconds, 0.50);
    state.counters["p99_ns"] = at_share(nanoseconds, 0.99);
}

// --- a start after a crash

// Leaves a store as a process leaves it that was killed with so many answers in progress.
void leave_open(const std::string& folder, std::int64_t holds) {
    const net::SystemClock clock;
    net::SystemRandom random;
    auto store = SqliteStore::open(folder, config::Durability::process, clock);
    require(store.has_value());
    auto ledger = Ledger::open({**store, clock, random}, budgets_of_four_scopes());
    require(ledger.has_value());
    const std::vector<Caller> from = callers();
    for (std::int64_t n = 0; n < holds;) {
        auto reservation =
            (*ledger)->reserve(from[static_cast<std::size_t>(n) % from.size()], bound, "a-model");
        if (!reservation) { // the queue is full: the writer is behind
            std::this_thread::yield();
            continue;
        }
        // Nobody ends it.
        alignas(Reservation) static std::byte place[sizeof(Reservation)];
        // allow(new): it must never be destroyed, as if the process had been killed
        ::new (place) Reservation(*std::move(reservation));
        ++n;
    }
    (*ledger)->stop();
}

void recover(benchmark::State& state) {
    for (auto _ : state) {
        state.PauseTiming();
        const Folder folder;
        leave_open(folder.path(), state.range(0));
        const net::SystemClock clock;
        net::SystemRandom random;
        state.ResumeTiming();
        auto store = SqliteStore::open(folder.path(), config::Durability::power, clock);
        require(store.has_value());
        auto ledger = Ledger::open({**store, clock, random}, budgets_of_four_scopes());
        require(ledger.has_value());
        state.PauseTiming();
        require((*ledger)->crashed() == state.range(0));
        ledger->reset();
        state.ResumeTiming();
    }
}

BENCHMARK(pairs)->Name("pairs")->Arg(256)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(pairs_process)
    ->Name("pairs_process")
    ->Arg(256)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(recover)->Name("recover")->Arg(1'000'000)->Iterations(1)->UseRealTime()->Unit(
    benchmark::kMillisecond);
BENCHMARK(reserve_in_memory)->Name("reserve/memory")->UseManualTime();

} // namespace
} // namespace weir::storage
