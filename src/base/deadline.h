#pragma once
// A deadline is a value that travels with a request: a child's is the earlier of its own and its
// parent's.

#include "base/clock.h"

#include <algorithm>

namespace weir {

class Deadline {
public:
    constexpr Deadline() = default; // never
    static constexpr Deadline at(SteadyTime when) {
        Deadline deadline;
        deadline.when_ = when;
        return deadline;
    }
    static constexpr Deadline never() { return {}; }

    constexpr SteadyTime when() const { return when_; }
    constexpr bool passed(SteadyTime now) const { return now >= when_; }
    constexpr Deadline earlier(Deadline other) const { return at(std::min(when_, other.when_)); }
    // What is left, at least zero.
    constexpr std::chrono::nanoseconds left(SteadyTime now) const {
        return when_ > now ? when_ - now : std::chrono::nanoseconds::zero();
    }

private:
    SteadyTime when_ = SteadyTime::max();
};

} // namespace weir
