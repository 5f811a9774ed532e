// The two clocks of the simulator and the load driver.
#pragma once

#include <ctime>

#include <cstdint>

namespace sim {

inline std::uint64_t read_clock_ns(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
           static_cast<std::uint64_t>(now.tv_nsec);
}

inline std::uint64_t monotonic_ns() { return read_clock_ns(CLOCK_MONOTONIC); }
inline std::uint64_t wall_us() { return read_clock_ns(CLOCK_REALTIME) / 1000; }

} // namespace sim
