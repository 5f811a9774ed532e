#pragma once
// How often a request that failed may be tried elsewhere: a share of all requests and a few a
// second, so that in an outage the tries do not make it worse (Finagle's retry budget).
// Thread: any.

#include "base/clock.h"
#include "base/guarded.h"

#include <algorithm>

namespace weir::upstream {

class RetryBudget {
public:
    explicit RetryBudget(const Clock& clock) : clock_(clock) {}

    void request() {
        auto state = state_.lock();
        refill(*state);
        state->left = std::min(state->left + share, most);
    }
    // Whether one more try is in it.
    bool take() {
        auto state = state_.lock();
        refill(*state);
        if (state->left < 1) return false;
        state->left -= 1;
        return true;
    }

private:
    static constexpr double share = 0.1;
    static constexpr double per_second = 1;
    static constexpr double most = 50; // at rest, for those who come together
    struct State {
        double left = most;
        SteadyTime at{};
    };
    void refill(State& state) const {
        const SteadyTime now = clock_.steady();
        if (state.at != SteadyTime()) {
            const std::chrono::duration<double> passed = now - state.at;
            state.left = std::min(state.left + per_second * passed.count(), most);
        }
        state.at = now;
    }
    const Clock& clock_;
    Guarded<State> state_;
};

} // namespace weir::upstream
