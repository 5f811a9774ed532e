// Holds that nobody renews.

#include "quota/ledger_world_test.h"

namespace weir::quota {
namespace {

class LedgerExpiryTest : public LedgerTest {
protected:
    std::unique_ptr<Ledger> ledger = open(store, budget());
    static config::Quota budget() {
        config::Quota out;
        out.key.push_back({Unit::tokens, Period::day, 1'000});
        return out;
    }
    std::size_t pass(microseconds time) {
        clock.advance(time);
        return ledger->expire();
    }
    Window tokens() { return window_of(*ledger, alices_key, Unit::tokens); }
};

TEST_F(LedgerExpiryTest, a_hold_that_nobody_renews_is_charged_whole) {
    auto reservation = ledger->reserve(alice, {.input_tokens = 40, .output_tokens = 60}, "m");
    ASSERT_TRUE(reservation);
    EXPECT_EQ(pass(0s), 0u);
    EXPECT_EQ(pass(limits::hold_time - 1s), 0u);
    EXPECT_EQ(pass(1s), 1u);
    EXPECT_EQ(pass(limits::hold_time), 0u);
    EXPECT_EQ(tokens().settled, 100);
    EXPECT_EQ(tokens().held, 0);
    EXPECT_EQ(last(store).kind, EntryKind::expire);
    // Nothing more is held for it.
    EXPECT_FALSE(reservation->extend(10, 0));
    std::move(*reservation).release();
    expect_sound(store);
}

TEST_F(LedgerExpiryTest, the_late_truth_is_a_correction) {
    auto used = ledger->reserve(alice, {.input_tokens = 40, .output_tokens = 60}, "m");
    auto failed = ledger->reserve(alice, {.input_tokens = 1, .output_tokens = 2}, "m");
    auto beyond = ledger->reserve(alice, {.input_tokens = 5, .output_tokens = 5}, "m");
    pass(0s);
    EXPECT_EQ(pass(limits::hold_time), 3u);
    EXPECT_EQ(tokens().settled, 113);
    std::move(*used).settle({Reason::complete, {40, 10, 0}});
    EXPECT_EQ(last(store).kind, EntryKind::correct);
    std::move(*failed).release();
    std::move(*beyond).settle({Reason::complete, {5, 905, 0}});
    EXPECT_EQ(tokens().settled, 50 + 0 + 910);
    const Books::Totals totals = ledger->totals(alices_key);
    EXPECT_EQ(totals.requests, 2);
    EXPECT_EQ(totals.tokens_in + totals.tokens_out, 960);
    ledger->stop();
    expect_sound(store);
    const auto copy = store.copy();
    EXPECT_EQ(open(*copy, budget())->totals(alices_key), totals);
}

TEST_F(LedgerExpiryTest, a_hold_that_is_renewed_lives_and_says_so_now_and_then) {
    auto reservation = ledger->reserve(alice, {.input_tokens = 40, .output_tokens = 60}, "m");
    pass(0s);
    const auto before = entries(store).size();
    for (int minute = 0; minute < 60; ++minute) {
        EXPECT_EQ(pass(1min), 0u);
        reservation->renew();
    }
    const auto all = entries(store);
    EXPECT_EQ(all.back().kind, EntryKind::extend);
    EXPECT_NEAR(static_cast<double>(all.size() - before), 8, 1);
    std::move(*reservation).settle({});
    expect_sound(store);
}

TEST_F(LedgerExpiryTest, what_has_ended_is_not_renewed) {
    auto reservation = ledger->reserve(alice, {}, "m");
    pass(0s);
    std::move(*reservation).settle({});
    reservation->renew(); // NOLINT: as a generation does between its settlement and its end
    expect_sound(store);
}

TEST_F(LedgerExpiryTest, a_clock_that_jumps_expires_nothing) {
    auto reservation = ledger->reserve(alice, {}, "m");
    pass(0s);
    clock.set(noon + 24h * 30);
    EXPECT_EQ(ledger->expire(), 0u);
}

} // namespace
} // namespace weir::quota
