// Budgets whose days are not those of UTC.

#include "quota/ledger_world_test.h"

namespace weir::quota {
namespace {

const config::TimeZone& zone(std::string_view name) { return *config::TimeZone::find(name); }

std::int64_t second(sys_seconds time) { return time.time_since_epoch().count(); }

TEST_F(LedgerTest, a_day_is_that_of_the_zone_in_the_file) {
    config::Quota defaults = one_request_budget(Scope::key, 1);
    defaults.zone = &zone("Asia/Tokyo");
    auto ledger = open(store, defaults);
    clock.set(sys_days(2026y / May / 20) + 14h + 59min);
    ASSERT_TRUE(ledger->reserve(alice, {}, "m"));
    std::move(*ledger->reserve(alice, {}, "m")).settle({});
    EXPECT_EQ(window_of(*ledger, alices_key).span.end, second(sys_days(2026y / May / 20) + 15h));
    EXPECT_FALSE(ledger->reserve(alice, {}, "m"));
    clock.advance(1min);
    EXPECT_TRUE(ledger->reserve(alice, {}, "m"));
    expect_sound(store);
}

TEST_F(LedgerTest, a_change_of_zone_waits_for_the_end_of_a_day_in_which_something_was_spent) {
    auto ledger = open(store, one_request_budget(Scope::key, 1));
    std::move(*ledger->reserve(alice, {}, "m")).settle({});
    // In Kiritimati it is the next day already: it does not come early.
    ASSERT_TRUE(ledger->set_zone(alices_key, zone("Pacific/Kiritimati")));
    EXPECT_FALSE(ledger->reserve(alice, {}, "m"));
    EXPECT_EQ(window_of(*ledger, alices_key).span.end, second(sys_days(2026y / May / 21)));
    clock.set(sys_days(2026y / May / 21));
    std::move(*ledger->reserve(alice, {}, "m")).settle({});
    EXPECT_EQ(window_of(*ledger, alices_key).span,
              (Span{second(sys_days(2026y / May / 21)), second(sys_days(2026y / May / 21) + 10h)}));
    expect_sound(store);
    const auto copy = store.copy();
    auto again = open(*copy, one_request_budget(Scope::key, 1));
    EXPECT_FALSE(again->reserve(alice, {}, "m"));
    EXPECT_EQ(again->views(alices_key).front().account.zone, &zone("Pacific/Kiritimati"));
}

TEST_F(LedgerTest, an_untouched_day_takes_a_new_zone_at_once) {
    auto ledger = open(store, one_request_budget(Scope::key, 1));
    ASSERT_TRUE(ledger->set_zone(alices_key, zone("America/New_York")));
    EXPECT_EQ(window_of(*ledger, alices_key).span.start, second(sys_days(2026y / May / 20) + 4h));
}

TEST_F(LedgerTest, a_users_keys_follow_their_user_unless_they_have_a_zone_of_their_own) {
    auto ledger = open(store, one_request_budget(Scope::key, 5));
    const Subject other_key{Scope::key, 2};
    ASSERT_TRUE(ledger->set_zone(alice_herself, zone("Asia/Tokyo")));
    ASSERT_TRUE(ledger->set_zone(other_key, zone("Europe/Berlin")));
    ASSERT_TRUE(ledger->reserve(alice, {}, "m"));
    ASSERT_TRUE(ledger->reserve(caller(2, 1, 1), {}, "m"));
    EXPECT_EQ(ledger->views(alices_key).front().account.zone, &zone("Asia/Tokyo"));
    EXPECT_EQ(ledger->views(other_key).front().account.zone, &zone("Europe/Berlin"));
    EXPECT_EQ(window_of(*ledger, alices_key).span.start, second(sys_days(2026y / May / 19) + 15h));
}

TEST_F(LedgerTest, hopping_over_zones_never_spends_a_moment_twice) {
    std::mt19937_64 chance(11); // NOLINT: a fixed seed repeats the run
    const std::vector<std::string> names{
        "UTC",           "Pacific/Kiritimati", "Pacific/Niue",       "Asia/Kolkata",
        "Europe/Berlin", "America/Havana",     "Australia/Lord_Howe"};
    for (int life = 0; life < 60; ++life) {
        MemoryStore disk;
        auto ledger = open(disk, one_request_budget(Scope::key, 3));
        clock.set(sys_days(2026y / March / 25) + hours(chance() % 24));
        std::vector<Span> seen;
        for (int step = 0; step < 120; ++step) {
            clock.advance(minutes(chance() % 300));
            if (chance() % 4 == 0)
                ASSERT_TRUE(ledger->set_zone(alices_key, zone(names[chance() % names.size()])));
            if (auto reservation = ledger->reserve(alice, {}, "m"); reservation && chance() % 3 > 0)
                std::move(*reservation).settle({});
            const Window window = window_of(*ledger, alices_key);
            ASSERT_LE(window.settled + window.held, 3);
            if (window.settled > 0 && (seen.empty() || seen.back() != window.span)) {
                if (!seen.empty()) ASSERT_GE(window.span.start, seen.back().end);
                seen.push_back(window.span);
            }
            if (step % 40 == 39) {
                ledger->stop();
                expect_sound(disk);
                ledger = open(disk, one_request_budget(Scope::key, 3));
            }
        }
        expect_sound(disk);
    }
}

// A budget in money sees a model that costs nothing: the window holds nothing, and is needed all
// the same when the answer ends three days later.
TEST_F(LedgerTest, a_hold_of_nothing_keeps_its_window_however_late_it_ends) {
    config::Quota defaults;
    defaults.key.push_back({Unit::nanousd, Period::day, 1'000});
    auto ledger = open(store, defaults);
    auto reservation = ledger->reserve(alice, {}, "m");
    ASSERT_TRUE(reservation);
    for (int day = 0; day < 3; ++day) {
        clock.advance(24h);
        ASSERT_TRUE(ledger->reserve(alice, {}, "m"));
    }
    std::move(*reservation).settle({});
    ledger->stop();
    expect_sound(store);
}

} // namespace
} // namespace weir::quota
