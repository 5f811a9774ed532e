#pragma once
// Where the periods of a budget begin and end in a time zone: days from midnight (of 23 to 25
// hours, where clocks change), ISO weeks from Monday, calendar months, and one period that never
// ends.

#include "base/clock.h"
#include "config/config.h"
#include "config/time_zone.h"

#include <cstdint>

namespace weir::quota {

// Seconds since 1970; `end` is exclusive.
struct Span {
    std::int64_t start = 0;
    std::int64_t end = 0;
    friend auto operator<=>(const Span&, const Span&) = default;
};

inline constexpr std::int64_t never_ends = INT64_MAX;

Span period_around(config::Period period, const config::TimeZone& zone, WallTime now);
std::int64_t to_seconds(WallTime time);

} // namespace weir::quota
