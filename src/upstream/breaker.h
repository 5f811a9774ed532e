#pragma once
// When not to ask a provider for a model: a circuit breaker with a sliding window, an open time
// that doubles, one probe, and a slow start after it (Nygard, "Release It!", 2nd ed., chapter 5;
// the slow start is Envoy's). Not synchronised; time and chance are given.

#include "base/clock.h"

#include <array>
#include <cstdint>

namespace weir::upstream {

class Breaker {
public:
    enum class State : std::uint8_t { closed, open, half_open, ramping };
    State state(SteadyTime now) const;
    // Whether a request may go now. `chance` from [0, 1) decides during the slow start.
    bool admits(SteadyTime now, double chance) const;
    // A request goes: the only one where it is half open.
    void begin(SteadyTime now);
    // `chance` spreads the open times of those that tripped together.
    void failed(SteadyTime now, double chance);
    void succeeded(SteadyTime now);
    // It went and said nothing of the provider.
    void ended_without_verdict();
    // Nothing is held against it, and nothing was for a while.
    bool is_idle(SteadyTime now) const;
    SteadyTime opens_again() const { return until_; }

private:
    struct Bucket {
        std::int64_t number = 0;
        std::uint32_t failures = 0;
        std::uint32_t successes = 0;
    };
    Bucket& bucket(SteadyTime now);
    bool is_too_bad(SteadyTime now) const;

    std::array<Bucket, 2> buckets_{};
    std::uint32_t in_a_row_ = 0;
    std::uint32_t trips_ = 0; // since it was last well for good
    bool tripped_ = false;
    bool probing_ = false;
    SteadyTime until_{};      // open until then
    SteadyTime well_since_{}; // the probe's success; the slow start begins then
};

} // namespace weir::upstream
