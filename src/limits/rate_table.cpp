#include "limits/rate_table.h"

#include "base/ensure.h"

#include <algorithm>
#include <bit>

namespace weir::limits {
namespace {

constexpr std::size_t asks_max = 8;

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

Verdict RateTable::take(std::span<const Ask> asks, SteadyTime now) {
    Verdict verdict;
    if (!ensure(asks.size() <= asks_max, "too many rate rules at once")) return verdict;
    const std::int64_t at = now.time_since_epoch().count();
    std::array<std::uint64_t, asks_max> hashes{};
    std::array<std::size_t, asks_max> shards{};
    for (std::size_t i = 0; i < asks.size(); ++i) {
        std::array<char, 96> text{};
        const std::size_t rule = std::min<std::size_t>(asks[i].rule.size(), 24);
        const std::size_t subject = std::min<std::size_t>(asks[i].subject.size(), 64);
        std::copy_n(asks[i].rule.data(), rule, text.data());
        std::copy_n(asks[i].subject.data(), subject, text.data() + 32);
        hashes[i] = keyed_hash(key_, {text.data(), text.size()});
        shards[i] = (hashes[i] & line_mask_) % shard_count;
    }
    // Locked in one order, so that two callers with the same shards cannot wait for each other.
    std::sort(shards.begin(), shards.begin() + static_cast<std::ptrdiff_t>(asks.size()));
    std::array<std::unique_lock<std::mutex>, asks_max> locks;
    for (std::size_t i = 0; i < asks.size(); ++i)
        if (i == 0 || shards[i] != shards[i - 1]) locks[i] = std::unique_lock(shards_[shards[i]]);

    std::array<std::int64_t, asks_max> arrivals{};
    for (std::size_t i = 0; i < asks.size(); ++i) {
        const Pace pace = pace_of(*asks[i].rate);
        const Cell& cell = find(hashes[i], at);
        const std::int64_t arrival = std::max(cell.arrival, at) + pace.interval;
        const std::int64_t over = arrival - at - pace.burst * pace.interval;
        if (over > 0) {
            verdict.refused_by = static_cast<int>(i);
            verdict.retry_after = std::chrono::nanoseconds(over);
            verdict.reset = std::chrono::nanoseconds(std::max<std::int64_t>(0, cell.arrival - at));
            verdict.remaining = 0;
            return verdict;
        }
        arrivals[i] = arrival;
        if (i == 0) {
            verdict.remaining = -over / pace.interval;
            verdict.reset = std::chrono::nanoseconds(arrival - at);
        }
    }
    for (std::size_t i = 0; i < asks.size(); ++i) find(hashes[i], at).arrival = arrivals[i];
    return verdict;
}

} // namespace weir::limits
