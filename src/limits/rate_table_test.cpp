#include "limits/rate_table.h"

#include "limits/gate.h"

#include <deque>
#include <gtest/gtest.h>
#include <random>
#include <thread>

namespace weir::limits {
namespace {

using namespace std::chrono_literals;

class SeededRandom final : public Random {
public:
    void fill(std::span<std::byte> bytes) override {
        for (std::byte& byte : bytes) byte = static_cast<std::byte>(engine_());
    }

private:
    std::mt19937 engine_{7};
};

SteadyTime at(std::chrono::nanoseconds time) { return SteadyTime(time + 1h); }

TEST(RateTable, a_burst_passes_and_then_the_steady_rate) {
    SeededRandom random;
    RateTable table(1024, random);
    const auto rate = *config::Rate::parse("10/s burst 3");
    const Ask ask{"r", "s", &rate};
    int admitted = 0;
    for (int i = 0; i < 10; ++i) admitted += table.take({&ask, 1}, at(0s)).refused_by < 0 ? 1 : 0;
    EXPECT_EQ(admitted, 3);
    EXPECT_EQ(table.take({&ask, 1}, at(0s)).retry_after, 100ms);
    EXPECT_GE(table.take({&ask, 1}, at(99ms)).refused_by, 0);
    EXPECT_LT(table.take({&ask, 1}, at(100ms)).refused_by, 0);
    EXPECT_GE(table.take({&ask, 1}, at(100ms)).refused_by, 0);
}

TEST(RateTable, no_window_admits_more_than_its_bound) {
    std::mt19937 engine(3); // NOLINT: a fixed seed repeats the run
    for (const char* text : {"20/s burst 5", "20/s hard", "1/s hard", "7/s burst 1", "3/s hard"}) {
        SeededRandom random;
        RateTable table(1024, random);
        const auto rate = *config::Rate::parse(text);
        const Ask ask{"r", "s", &rate};
        const std::int64_t bound =
            rate.kind == config::Rate::Kind::hard ? rate.count : rate.burst + rate.count;
        std::deque<std::chrono::nanoseconds> admitted;
        std::chrono::nanoseconds now{};
        for (int i = 0; i < 20'000; ++i) {
            now += std::chrono::microseconds(engine() % 60'000);
            if (table.take({&ask, 1}, at(now)).refused_by >= 0) continue;
            admitted.push_back(now);
            while (admitted.front() <= now - 1s) admitted.pop_front();
            ASSERT_LE(static_cast<std::int64_t>(admitted.size()), bound) << text;
        }
    }
}

TEST(RateTable, a_refusal_charges_no_rule) {
    SeededRandom random;
    RateTable table(1024, random);
    const auto wide = *config::Rate::parse("100/s burst 10");
    const auto narrow = *config::Rate::parse("1/s burst 1");
    const std::array<Ask, 2> both{{{"wide", "s", &wide}, {"narrow", "s", &narrow}}};
    EXPECT_LT(table.take(both, at(0s)).refused_by, 0);
    for (int i = 0; i < 50; ++i) EXPECT_EQ(table.take(both, at(0s)).refused_by, 1);
    int left = 0;
    while (table.take({both.data(), 1}, at(0s)).refused_by < 0) ++left;
    EXPECT_EQ(left, 9);
}

TEST(RateTable, threads_together_never_pass_the_burst) {
    SeededRandom random;
    RateTable table(64, random);
    const auto rate = *config::Rate::parse("1/day burst 1000");
    std::atomic<int> admitted = 0;
    std::vector<std::jthread> threads; // allow(thread): a race is what is tested
    for (int t = 0; t < 8; ++t) {
        threads.emplace_back([&] {
            const Ask ask{"r", "s", &rate};
            for (int i = 0; i < 1000; ++i)
                admitted += table.take({&ask, 1}, at(0s)).refused_by < 0 ? 1 : 0;
        });
    }
    threads.clear();
    EXPECT_EQ(admitted, 1000);
}

TEST(Gate, slots_come_back_and_loopback_is_not_counted) {
    class FixedClock final : public Clock {
    public:
        WallTime wall() const override { return {}; }
        SteadyTime steady() const override { return at(0s); }
    } clock;
    SeededRandom random;
    config::Limits rules;
    rules.concurrent_per_key = 2;
    rules.per_ip = *config::Rate::parse("1/day burst 1");
    Gate gate(rules, clock, random);
    Caller caller;
    auto terms = std::make_shared<KeyTerms>();
    terms->id = KeyId(1);
    caller.key = terms;
    {
        const auto first = gate.admit(caller);
        const auto second = gate.admit(caller);
        ASSERT_FALSE(first.refusal || second.refusal);
        EXPECT_EQ(gate.admit(caller).refusal->code(), Errc::rate_limit_exceeded);
    }
    EXPECT_FALSE(gate.admit(caller).refusal);
    const Address local = Address::from_v4({127, 0, 0, 1});
    const Address remote = Address::from_v4({203, 0, 113, 5});
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(gate.admit_address(local));
    EXPECT_TRUE(gate.admit_address(remote));
    EXPECT_FALSE(gate.admit_address(remote));
}

} // namespace
} // namespace weir::limits
