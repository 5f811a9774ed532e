#pragma once
// Time and randomness as parameters. Only net/system_clock reads the real ones; tests pass fakes.

#include <chrono>
#include <cstddef>
#include <span>

namespace weir {

// Microseconds since 1970-01-01 UTC: for records, expiry and quota windows. May jump.
using WallTime = std::chrono::sys_time<std::chrono::microseconds>;
// Never goes back; only differences mean anything. For deadlines and rates.
struct SteadyTag {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<SteadyTag>;
    static constexpr bool is_steady = true;
};
using SteadyTime = SteadyTag::time_point;

class Clock {
public:
    virtual ~Clock() = default;
    virtual WallTime wall() const = 0;
    virtual SteadyTime steady() const = 0;
};

class Random {
public:
    virtual ~Random() = default;
    // Unpredictable bytes. Thread: any.
    virtual void fill(std::span<std::byte> bytes) = 0;
};

} // namespace weir
