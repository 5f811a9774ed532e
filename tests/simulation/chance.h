#pragma once
// All the chance of one history: a stream of numbers that a seed alone decides, the same on every
// machine and compiler. SplitMix64 (Steele, Lea, Flood 2014): eight bytes of state, so that a
// history costs nothing to begin.

#include "base/clock.h"

#include <cstdint>

namespace weir::simulation {

class Chance final : public Random {
public:
    explicit Chance(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    std::int64_t between(std::int64_t least, std::int64_t most) {
        const auto choices = static_cast<std::uint64_t>(most - least + 1);
        return least + static_cast<std::int64_t>(next() % choices);
    }
    bool one_in(std::int64_t n) { return between(1, n) == 1; }
    void fill(std::span<std::byte> bytes) override {
        for (std::byte& byte : bytes) byte = static_cast<std::byte>(next());
    }

private:
    std::uint64_t state_;
};

} // namespace weir::simulation
