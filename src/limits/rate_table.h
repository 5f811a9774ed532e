#pragma once
// Rates by the Generic Cell Rate Algorithm (ITU-T I.371): one 64-bit time per subject, the
// "theoretical arrival time". A subject whose time has passed is the same as one that was never
// seen, so nothing is ever swept: an expired cell is simply taken over. The table has a fixed size;
// when a line is full of live cells, the one closest to expiry gives way, which at worst gives that
// subject its burst back. In any window W at most burst + W/interval are admitted. Thread: any.

#include "base/clock.h"
#include "base/digest.h"
#include "config/rate.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>

namespace weir::limits {

// One rule for one subject.
struct Ask {
    std::string_view rule;    // its name in the configuration: "per_key"
    std::string_view subject; // bytes that name whom it counts
    const config::Rate* rate;
    // How many it counts for. More than the whole burst passes where the burst is all there, and
    // then has to be waited for.
    std::int64_t cost = 1;
    enum class Charge : std::uint8_t { taken, only_judged } charge = Charge::taken;
};

struct Verdict {
    // The first rule that refuses, or -1: then all were charged.
    int refused_by = -1;
    std::chrono::nanoseconds retry_after{};
    // Of each ask: how many more would pass now, and when the whole burst is back.
    struct Left {
        std::int64_t remaining = 0;
        std::chrono::nanoseconds reset{};
    };
    static constexpr std::size_t asks_max = 8;
    std::array<Left, asks_max> left{};
};

class RateTable {
public:
    // `cells` is rounded up to a power of two; 16 bytes each.
    RateTable(std::size_t cells, Random& random);

    // All rules are judged before any is charged. Requires: at most 8 asks, none of them off.
    Verdict take(std::span<const Ask> asks, SteadyTime now);
    // Charges the ask's cost without judging; a negative one is given back.
    void correct(const Ask& ask, SteadyTime now);

private:
    struct Cell {
        std::uint64_t fingerprint = 0;
        std::int64_t arrival = 0; // nanoseconds on the steady clock
    };
    static constexpr std::size_t cells_per_line = 4; // 64 bytes: one cache line
    struct alignas(64) Line {
        std::array<Cell, cells_per_line> cells;
    };
    static constexpr std::size_t shard_count = 64;

    Cell& find(std::uint64_t hash, std::int64_t now);
    std::uint64_t hash_of(const Ask& ask) const;
    std::size_t shard_of(std::uint64_t hash) const { return (hash & line_mask_) % shard_count; }

    HashKey key_;
    std::size_t line_mask_;
    std::unique_ptr<Line[]> lines_;
    std::array<std::mutex, shard_count> shards_;
};

} // namespace weir::limits
