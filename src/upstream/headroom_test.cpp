#include "upstream/headroom.h"

#include <gtest/gtest.h>

namespace weir::upstream {
namespace {

using namespace std::chrono_literals;

class HandClock final : public Clock {
public:
    SteadyTime steady() const override { return SteadyTime(passed); }
    WallTime wall() const override { return {}; }
    std::chrono::nanoseconds passed = 1h;
};

class HeadroomTest : public testing::Test {
protected:
    HeadroomTest() { provider.name = "p"; }
    std::optional<std::chrono::milliseconds> take(std::int64_t tokens = 1,
                                                  std::string_view group = "org") {
        return room.take(candidate, group, tokens);
    }
    HandClock clock;
    Headroom room{clock};
    config::Provider provider;
    Candidate candidate{.provider = &provider, .target = nullptr, .url = nullptr, .model = "m"};
};

TEST_F(HeadroomTest, asks_freely_where_nothing_was_said) {
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(take(1'000'000));
}

TEST_F(HeadroomTest, does_not_ask_before_a_request_is_left_and_then_does) {
    room.note(candidate, "org", {.requests = {{60, 0, 60s}}, .tokens = {}});
    ASSERT_EQ(take(), 1s);
    EXPECT_FALSE(take(1, "other")) << "another organisation has its own";
    clock.passed += 999ms;
    EXPECT_EQ(take(), 1ms);
    clock.passed += 1ms;
    EXPECT_FALSE(take());
    EXPECT_EQ(take(), 1s) << "what was asked meanwhile counts";
}

TEST_F(HeadroomTest, waits_for_as_many_tokens_as_a_request_needs) {
    room.note(candidate, "org", {.requests = {}, .tokens = {{1000, 100, 9s}}});
    EXPECT_FALSE(take(100));
    room.note(candidate, "org", {.requests = {}, .tokens = {{1000, 100, 9s}}});
    EXPECT_EQ(take(300), 2s);
    EXPECT_EQ(take(1'000'000), 9s) << "what is never there at once is asked for with all there is";
    clock.passed += 9s;
    EXPECT_FALSE(take(1'000'000));
}

TEST_F(HeadroomTest, believes_nothing_for_longer_than_a_minute) {
    room.note(candidate, "org", {.requests = {{1, 0, 24h}}, .tokens = {}});
    EXPECT_EQ(take(), 1min);
    clock.passed += 40s;
    EXPECT_EQ(take(), 20s);
    clock.passed += 20s;
    EXPECT_FALSE(take());
}

} // namespace
} // namespace weir::upstream
