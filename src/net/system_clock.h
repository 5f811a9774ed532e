#pragma once
// The real clock and the kernel's random numbers. Nothing else in the program reads either.

#include "base/clock.h"

namespace weir::net {

class SystemClock final : public Clock {
public:
    WallTime wall() const override;
    SteadyTime steady() const override;
};

class SystemRandom final : public Random {
public:
    void fill(std::span<std::byte> bytes) override;
};

} // namespace weir::net
