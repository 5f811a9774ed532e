#include "limits/rate_table.h"

#include "base/ensure.h"

#include <algorithm>
#include <bit>

namespace weir::limits {
namespace {

constexpr std::size_t asks_max = Verdict::asks_max;
constexpr std::int64_t debt_max = 365LL * 24 * 3600 * 1'000'000'000; // nanoseconds

// The two numbers of the algorithm.
struct Pace {
    std::int64_t interval; // nanoseconds between requests at the steady rate
    std::int64_t burst;
};

Pace pace_of(const config::Rate& rate) {
    const std::int64_t window = rate.per.count();
    if (rate.kind == config::Rate::Kind::smooth)
        return {std::max<std::int64_t>(1, window / rate.count), rate.burst};
    // Never more than `count` in any window: burst + window/interval must not exceed it.
    const std::int64_t steady = rate.count - rate.burst;
    return {steady > 0 ? (window + steady - 1) / steady : window + 1, rate.burst};
}

// How much time so many take, of which no more than a year counts.
std::int64_t time_of(std::int64_t cost, std::int64_t interval) {
    const std::int64_t most = debt_max / interval;
    return std::clamp(cost, -most, most) * interval;
}

} // namespace

RateTable::RateTable(std::size_t cells, Random& random)
    : line_mask_(std::bit_ceil(std::max<std::size_t>(cells, cells_per_line)) / cells_per_line - 1),
      lines_(std::make_unique<Line[]>(line_mask_ + 1)) {
    random.fill(std::as_writable_bytes(std::span(key_)));
}

RateTable::Cell& RateTable::find(std::uint64_t hash, std::int64_t now) {
    Line& line = lines_[hash & line_mask_];
    const std::uint64_t fingerprint = hash | 1; // zero is an empty cell
    Cell* victim = &line.cells[0];
    for (Cell& cell : line.cells) {
        if (cell.fingerprint == fingerprint) return cell;
        if (cell.arrival < victim->arrival) victim = &cell;
    }
    *victim = {fingerprint, now};
    return *victim;
}

std::uint64_t RateTable::hash_of(const Ask& ask) const {
    std::array<char, 96> text{};
    const std::size_t rule = std::min<std::size_t>(ask.rule.size(), 24);
    const std::size_t subject = std::min<std::size_t>(ask.subject.size(), 64);
    std::copy_n(ask.rule.data(), rule, text.data());
    std::copy_n(ask.subject.data(), subject, text.data() + 32);
    return keyed_hash(key_, {text.data(), text.size()});
}

Verdict RateTable::take(std::span<const Ask> asks, SteadyTime now) {
    Verdict verdict;
    if (!ensure(asks.size() <= asks_max, "too many rate rules at once")) return verdict;
    const std::int64_t at = now.time_since_epoch().count();
    std::array<std::uint64_t, asks_max> hashes{};
    std::array<std::size_t, asks_max> shards{};
    for (std::size_t i = 0; i < asks.size(); ++i) {
        hashes[i] = hash_of(asks[i]);
        shards[i] = shard_of(hashes[i]);
    }
    // Locked in one order, so that two callers with the same shards cannot wait for each other.
    std::sort(shards.begin(), shards.begin() + static_cast<std::ptrdiff_t>(asks.size()));
    std::array<std::unique_lock<std::mutex>, asks_max> locks;
    for (std::size_t i = 0; i < asks.size(); ++i)
        if (i == 0 || shards[i] != shards[i - 1]) locks[i] = std::unique_lock(shards_[shards[i]]);

    std::array<std::int64_t, asks_max> arrivals{};
    for (std::size_t i = 0; i < asks.size(); ++i) {
        const Pace pace = pace_of(*asks[i].rate);
        const std::int64_t most = at + pace.burst * pace.interval;
        const std::int64_t before = std::max(find(hashes[i], at).arrival, at);
        const std::int64_t over =
            before + time_of(std::min(asks[i].cost, pace.burst), pace.interval) - most;
        if (over > 0) {
            verdict.refused_by = static_cast<int>(i);
            verdict.retry_after = std::chrono::nanoseconds(over);
            verdict.left[i] = {std::max<std::int64_t>(0, (most - before) / pace.interval),
                               std::chrono::nanoseconds(before - at)};
            return verdict;
        }
        const bool taken = asks[i].charge == Ask::Charge::taken;
        arrivals[i] = before + (taken ? time_of(asks[i].cost, pace.interval) : 0);
        verdict.left[i] = {std::max<std::int64_t>(0, (most - arrivals[i]) / pace.interval),
                           std::chrono::nanoseconds(arrivals[i] - at)};
    }
    for (std::size_t i = 0; i < asks.size(); ++i) find(hashes[i], at).arrival = arrivals[i];
    return verdict;
}

void RateTable::correct(const Ask& ask, SteadyTime now) {
    const std::int64_t at = now.time_since_epoch().count();
    const std::uint64_t hash = hash_of(ask);
    const std::unique_lock lock(shards_[shard_of(hash)]);
    Cell& cell = find(hash, at);
    const std::int64_t moved =
        std::max(cell.arrival, at) + time_of(ask.cost, pace_of(*ask.rate).interval);
    cell.arrival = std::max(moved, at);
}

} // namespace weir::limits
