#pragma once
// A clock that moves when the history says so. The wall may jump either way; the steady one never
// goes back.

#include "base/clock.h"

namespace weir::simulation {

class FakeClock final : public Clock {
public:
    WallTime wall() const override { return wall_; }
    SteadyTime steady() const override { return steady_; }

    void pass(std::chrono::microseconds time) {
        wall_ += time;
        steady_ += time;
    }
    // Somebody sets the wall clock.
    void set(WallTime wall) { wall_ = wall; }
    void sleep_until(WallTime wall) { pass(wall - wall_); }

private:
    // A Monday before a month's end and a year's end, so that every period ends soon.
    WallTime wall_ =
        std::chrono::sys_days(std::chrono::year(2026) / 12 / 28) + std::chrono::hours(12);
    SteadyTime steady_{std::chrono::seconds(1)};
};

} // namespace weir::simulation
