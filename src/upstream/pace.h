#pragma once
// How long to wait for the next bytes of a provider's answer.

#include "base/deadline.h"
#include "net/loop.h"

#include <algorithm>
#include <chrono>

namespace weir::upstream {

struct Pace {
    std::chrono::milliseconds idle; // between bytes
    Deadline deadline;              // of all of them

    // Errors: upstream_timeout; bytes that keep coming would otherwise put the timer off for ever.
    Result<std::chrono::milliseconds> patience(const net::Loop& loop) const {
        if (deadline.passed(loop.clock().steady()))
            return refuse(Error(Errc::upstream_timeout).because("the answer took too long"));
        return std::min(idle, left(deadline, loop));
    }
    static std::chrono::milliseconds left(Deadline deadline, const net::Loop& loop) {
        using std::chrono::milliseconds;
        const auto rest = std::chrono::ceil<milliseconds>(deadline.left(loop.clock().steady()));
        return std::max(rest, milliseconds(1));
    }
};

} // namespace weir::upstream
