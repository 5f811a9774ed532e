#include "net/wheel.h"

#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <random>

namespace weir::net {
namespace {

using namespace std::chrono_literals;

struct Probe {
    explicit Probe(Wheel& wheel)
        : timer(wheel, [](void* self) { ++static_cast<Probe*>(self)->fired; }, this) {}
    int fired = 0;
    Wheel::Timer timer;
};

TEST(Wheel, fires_once_and_never_early) {
    Wheel wheel;
    Probe probe(wheel);
    probe.timer.arm(1s);
    for (auto now = 0ms; now < 1s; now += 7ms) wheel.advance(now);
    EXPECT_EQ(probe.fired, 0);
    wheel.advance(1s + 3 * Wheel::tick);
    EXPECT_EQ(probe.fired, 1);
    wheel.advance(60s);
    EXPECT_EQ(probe.fired, 1);
    EXPECT_TRUE(wheel.idle());
}

TEST(Wheel, a_wheel_that_slept_for_an_hour_counts_from_now) {
    Wheel wheel;
    wheel.on_wake([](void* w) { static_cast<Wheel*>(w)->set_now(1h); }, &wheel);
    Probe probe(wheel);
    probe.timer.arm(1s);
    wheel.advance(1h + 900ms);
    EXPECT_EQ(probe.fired, 0);
    wheel.advance(1h + 1s + 3 * Wheel::tick);
    EXPECT_EQ(probe.fired, 1);
}

TEST(Wheel, a_timer_may_destroy_its_neighbours_when_it_fires) {
    Wheel wheel;
    auto victim = std::make_unique<Probe>(wheel);
    struct Killer {
        std::unique_ptr<Probe>& victim;
    } killer{victim};
    Wheel::Timer first(
        wheel, [](void* self) { static_cast<Killer*>(self)->victim.reset(); }, &killer);
    Wheel::Timer second(
        wheel, [](void* self) { static_cast<Killer*>(self)->victim.reset(); }, &killer);
    first.arm(100ms);
    victim->timer.arm(100ms);
    second.arm(100ms);
    wheel.advance(1s);
    EXPECT_EQ(victim, nullptr);
    EXPECT_TRUE(wheel.idle());
}

TEST(Wheel, agrees_with_a_sorted_list_over_random_arming_and_cancelling) {
    std::mt19937 random(1); // NOLINT: a fixed seed repeats the run
    Wheel wheel;
    std::vector<std::unique_ptr<Probe>> probes;
    for (int i = 0; i < 50; ++i) probes.push_back(std::make_unique<Probe>(wheel));
    std::map<Probe*, std::chrono::milliseconds> due;
    auto now = 0ms;
    for (int step = 0; step < 20'000; ++step) {
        Probe* const probe = probes[random() % probes.size()].get();
        if (random() % 3 != 0) {
            const auto delay = std::chrono::milliseconds(random() % 30'000);
            probe->timer.arm(delay);
            due[probe] = now + delay;
        } else {
            probe->timer.cancel();
            due.erase(probe);
        }
        now += std::chrono::milliseconds(random() % 50);
        for (auto& p : probes) p->fired = 0;
        wheel.advance(now);
        for (auto& p : probes) {
            const auto expected = due.find(p.get());
            if (p->fired != 0) {
                ASSERT_TRUE(expected != due.end());
                ASSERT_LE(expected->second, now);
                due.erase(expected);
            } else if (expected != due.end()) {
                ASSERT_GE(expected->second + 3 * Wheel::tick, now);
            }
        }
    }
}

} // namespace
} // namespace weir::net
