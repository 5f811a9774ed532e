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

TEST(RateTable, counts_what_a_request_costs_and_takes_back_what_it_did_not) {
    SeededRandom random;
    RateTable table(1024, random);
    const auto rate = *config::Rate::parse("1000/s burst 500");
    Ask ask{"tokens", "s", &rate, 300};
    EXPECT_EQ(table.take({&ask, 1}, at(0s)).left[0].remaining, 200);
    const Verdict refused = table.take({&ask, 1}, at(0s));
    EXPECT_EQ(refused.refused_by, 0);
    EXPECT_EQ(refused.retry_after, 100ms);
    ask.cost = -100; // it was less
    table.correct(ask, at(0s));
    ask.cost = 300;
    EXPECT_LT(table.take({&ask, 1}, at(0s)).refused_by, 0);
    ask.cost = 2000; // and this was more
    table.correct(ask, at(0s));
    ask.cost = 1;
    EXPECT_EQ(table.take({&ask, 1}, at(0s)).retry_after, 2001ms);
    ask.cost = -1'000'000; // nobody gets more than the burst
    table.correct(ask, at(0s));
    ask.cost = 0;
    EXPECT_EQ(table.take({&ask, 1}, at(0s)).left[0].remaining, 500);
}

TEST(RateTable, lets_one_pass_that_costs_more_than_the_burst_and_waits_for_it_after) {
    SeededRandom random;
    RateTable table(1024, random);
    const auto rate = *config::Rate::parse("100/s burst 50");
    Ask ask{"tokens", "s", &rate, 1'000};
    EXPECT_LT(table.take({&ask, 1}, at(0s)).refused_by, 0);
    ask.cost = 1;
    EXPECT_EQ(table.take({&ask, 1}, at(0s)).retry_after, 9510ms);
    ask.cost = INT64_MAX; // no overflow
    EXPECT_GE(table.take({&ask, 1}, at(0s)).refused_by, 0);
    table.correct(ask, at(0s));
    EXPECT_GE(table.take({&ask, 1}, at(24h)).refused_by, 0);
}

TEST(RateTable, only_judges_where_nothing_is_to_be_taken) {
    SeededRandom random;
    RateTable table(1024, random);
    const auto rate = *config::Rate::parse("1/min burst 2");
    Ask ask{"r", "s", &rate};
    ask.charge = Ask::Charge::only_judged;
    for (int i = 0; i < 10; ++i) EXPECT_LT(table.take({&ask, 1}, at(0s)).refused_by, 0);
    table.correct(ask, at(0s));
    table.correct(ask, at(0s));
    EXPECT_GE(table.take({&ask, 1}, at(0s)).refused_by, 0);
}

class StillClock final : public Clock {
public:
    SteadyTime steady() const override { return SteadyTime(passed); }
    WallTime wall() const override { return {}; }
    std::chrono::nanoseconds passed = 1h;
};

Address v6(unsigned char third, unsigned char fourth, unsigned char host) {
    Address out;
    out.bytes = {0x20, 0x01, 0x0d, 0xb8, 0, third, fourth, 0, 0, 0, 0, 0, 0, 0, 0, host};
    return out;
}

TEST(Gate, counts_an_address_and_the_networks_that_one_hand_may_hold) {
    SeededRandom random;
    StillClock clock;
    config::Limits rules;
    rules.per_ip = *config::Rate::parse("60/min burst 10");
    Gate gate(rules, clock, random);
    int admitted = 0;
    for (int i = 0; i < 50; ++i) // one /64, many hosts
        admitted += gate.admit_address(v6(1, 1, static_cast<unsigned char>(i))) ? 1 : 0;
    EXPECT_EQ(admitted, 10);
    admitted = 0;
    for (int i = 0; i < 500; ++i) // a /48, many /64s in many /56s
        admitted += gate.admit_address(v6(9, static_cast<unsigned char>(i % 250), 1)) ? 1 : 0;
    EXPECT_EQ(admitted, 160);
    admitted = 0;
    for (int i = 0; i < 200; ++i)
        admitted +=
            gate.admit_address(Address::from_v4({198, 51, 100, static_cast<unsigned char>(i)})) ? 1
                                                                                                : 0;
    EXPECT_EQ(admitted, 80);
    EXPECT_TRUE(gate.admit_address(Address::from_v4({198, 51, 101, 1})));
    const auto refused = gate.admit_address(Address::from_v4({198, 51, 100, 250}));
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message().find("per_ip of a /24"), std::string::npos);
}

TEST(Gate, listens_to_no_more_keys_from_where_many_were_none) {
    SeededRandom random;
    StillClock clock;
    Gate gate({}, clock, random);
    const Address there = Address::from_v4({203, 0, 113, 9});
    for (int i = 0; i < 20; ++i) {
        EXPECT_TRUE(gate.may_show_a_key(there)) << i;
        gate.note_bad_key(there);
    }
    EXPECT_FALSE(gate.may_show_a_key(there));
    EXPECT_TRUE(gate.may_show_a_key(Address::from_v4({203, 0, 113, 10})));
    clock.passed += 6s;
    EXPECT_TRUE(gate.may_show_a_key(there));
    const Address here = Address::from_v4({127, 0, 0, 1});
    for (int i = 0; i < 100; ++i) gate.note_bad_key(here);
    EXPECT_TRUE(gate.may_show_a_key(here));
}

TEST(Gate, charges_tokens_as_they_are_taken_to_be_and_then_as_they_were) {
    SeededRandom random;
    StillClock clock;
    config::Limits rules;
    rules.tokens_per_key = *config::Rate::parse("1000/min burst 1000");
    Gate gate(rules, clock, random);
    Caller caller;
    caller.key = std::make_shared<const KeyTerms>();
    const auto left = [&] {
        const Admission probe = gate.admit(caller, 1);
        return probe.tokens ? probe.tokens->left.remaining : -1;
    };
    {
        Admission first = gate.admit(caller, 400);
        ASSERT_FALSE(first.refusal);
        EXPECT_EQ(first.tokens->left.remaining, 600);
        first.token_charge->settle(900);
    }
    EXPECT_EQ(left(), 99);
    const Admission refused = gate.admit(caller, 200);
    ASSERT_TRUE(refused.refusal);
    EXPECT_NE(refused.refusal->message().find("tokens_per_key"), std::string::npos);
    {
        const Admission dropped = gate.admit(caller, 50);
    }
    EXPECT_EQ(left(), 99) << "what came to nothing cost nothing";
}

} // namespace
} // namespace weir::limits
