#include "upstream/breaker.h"

#include <gtest/gtest.h>

namespace weir::upstream {
namespace {

using namespace std::chrono_literals;
using State = Breaker::State;

class BreakerTest : public ::testing::Test {
protected:
    void fail(int times) {
        for (int i = 0; i < times; ++i) breaker.failed(now, 0.5);
    }
    Breaker breaker;
    SteadyTime now{1h};
};

TEST_F(BreakerTest, opens_after_five_failures_in_a_row) {
    fail(4);
    EXPECT_TRUE(breaker.admits(now, 0));
    fail(1);
    EXPECT_EQ(breaker.state(now), State::open);
    EXPECT_FALSE(breaker.admits(now, 0));
}

TEST_F(BreakerTest, opens_when_half_of_ten_fail_within_its_window) {
    for (int i = 0; i < 5; ++i) {
        breaker.succeeded(now);
        fail(1);
    }
    EXPECT_EQ(breaker.state(now), State::open);
    Breaker slow;
    for (int i = 0; i < 5; ++i) {
        slow.succeeded(now);
        slow.failed(now, 0.5);
        now += 40s;
    }
    EXPECT_EQ(slow.state(now), State::closed) << "what is long ago is held against it";
}

TEST_F(BreakerTest, lets_one_through_and_starts_slowly) {
    fail(5);
    now += 5s;
    EXPECT_EQ(breaker.state(now), State::half_open);
    EXPECT_TRUE(breaker.admits(now, 0.99));
    breaker.begin(now);
    EXPECT_FALSE(breaker.admits(now, 0)) << "a second probe";
    breaker.succeeded(now);
    EXPECT_EQ(breaker.state(now), State::ramping);
    EXPECT_TRUE(breaker.admits(now, 0.05));
    EXPECT_FALSE(breaker.admits(now, 0.2));
    now += 10s;
    EXPECT_TRUE(breaker.admits(now, 0.4));
    EXPECT_FALSE(breaker.admits(now, 0.6));
    now += 10s;
    EXPECT_EQ(breaker.state(now), State::closed);
}

TEST_F(BreakerTest, a_failed_probe_doubles_the_wait_up_to_five_minutes) {
    fail(5);
    auto expected = std::chrono::milliseconds(5s);
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(breaker.opens_again() - now, expected);
        now = breaker.opens_again();
        breaker.begin(now);
        fail(1);
        expected = std::min<std::chrono::milliseconds>(expected * 2, 5min);
    }
}

TEST_F(BreakerTest, a_probe_that_says_nothing_makes_room_for_another) {
    fail(5);
    now += 5s;
    breaker.begin(now);
    breaker.ended_without_verdict();
    EXPECT_TRUE(breaker.admits(now, 0.99));
}

} // namespace
} // namespace weir::upstream
