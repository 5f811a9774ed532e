#include "quota/ledger_world_test.h"

#include <barrier>

namespace weir::quota {
namespace {

// --- admission

// Lets eight threads ask at once, each for `tries`, and gives what was admitted.
std::vector<Reservation> race(Ledger& ledger, int tries, const Bound& bound,
                              const std::function<Caller(int)>& caller_of) {
    constexpr int threads = 8;
    std::mutex mutex;
    std::vector<Reservation> admitted;
    std::barrier start(threads);
    std::vector<std::jthread> racers;
    for (int i = 0; i < threads; ++i) {
        racers.emplace_back([&, i] {
            start.arrive_and_wait();
            for (int n = 0; n < tries; ++n) {
                auto reservation = ledger.reserve(caller_of(i), bound, "m");
                const std::lock_guard lock(mutex);
                if (reservation) admitted.push_back(*std::move(reservation));
                else EXPECT_EQ(reservation.error().code(), Errc::quota_exceeded);
            }
        });
    }
    racers.clear();
    return admitted;
}

TEST_F(LedgerTest, eight_threads_racing_for_a_budget_get_exactly_what_it_holds) {
    MemoryStore disk(MemoryStore::Writes::on_thread);
    auto ledger = open(disk, one_request_budget(Scope::key, 1'000));
    auto admitted = race(*ledger, 400, {}, [&](int) { return alice; });
    EXPECT_EQ(admitted.size(), 1'000u);
    EXPECT_EQ(window_of(*ledger, alices_key).held, 1'000);
    admitted.clear();
    EXPECT_EQ(window_of(*ledger, alices_key).held, 0);
    ledger->stop();
    expect_sound(disk);
}

TEST_F(LedgerTest, a_race_over_four_scopes_takes_all_of_them_or_none) {
    MemoryStore disk(MemoryStore::Writes::on_thread);
    config::Quota defaults;
    defaults.key.push_back({Unit::tokens, Period::day, 100'000});
    defaults.user.push_back({Unit::tokens, Period::month, 50'000});
    defaults.team.push_back({Unit::tokens, Period::week, 7'030});
    defaults.everyone.push_back({Unit::tokens, Period::total, 500'000});
    auto ledger = open(disk, defaults);
    const auto admitted = race(*ledger, 200, {.input_tokens = 7, .output_tokens = 63},
                               [](int i) { return caller(1 + i % 4, 1 + i % 2, 1); });
    EXPECT_EQ(admitted.size(), 100u);
    std::int64_t by_key = 0;
    for (int key = 1; key <= 4; ++key)
        by_key += window_of(*ledger, {Scope::key, key}, Unit::tokens).held;
    EXPECT_EQ(by_key, 7'000);
    EXPECT_EQ(window_of(*ledger, {Scope::user, 1}, Unit::tokens).held +
                  window_of(*ledger, {Scope::user, 2}, Unit::tokens).held,
              7'000);
    EXPECT_EQ(window_of(*ledger, {Scope::team, 1}, Unit::tokens).held, 7'000);
    EXPECT_EQ(window_of(*ledger, {Scope::everyone, 0}, Unit::tokens).held, 7'000);
}

TEST_F(LedgerTest, the_first_requests_of_a_new_user_are_checked) {
    MemoryStore disk(MemoryStore::Writes::on_thread);
    auto ledger = open(disk, one_request_budget(Scope::user, 3));
    for (int user = 1; user <= 50; ++user) {
        const auto admitted =
            race(*ledger, 2, {}, [&](int i) { return caller(100 * user + i, user, 1); });
        ASSERT_EQ(admitted.size(), 3u) << user;
    }
}

TEST_F(LedgerTest, a_user_who_changes_teams_is_charged_to_the_new_one) {
    auto ledger = open(store, one_request_budget(Scope::team, 1));
    const auto first = ledger->reserve(caller(1, 1, 1), {}, "m");
    EXPECT_TRUE(first);
    EXPECT_FALSE(ledger->reserve(caller(1, 1, 1), {}, "m"));
    const auto second = ledger->reserve(caller(1, 1, 2), {}, "m");
    EXPECT_TRUE(second);
    EXPECT_EQ(window_of(*ledger, {Scope::team, 2}).held, 1);
}

TEST_F(LedgerTest, a_command_outweighs_the_file_until_it_is_taken_back) {
    auto ledger = open(store, one_request_budget(Scope::key, 1));
    ledger->set_budget(alices_key, Unit::requests, Period::day, 2);
    const auto first = ledger->reserve(alice, {}, "m");
    const auto second = ledger->reserve(alice, {}, "m");
    EXPECT_TRUE(first && second);
    EXPECT_FALSE(ledger->reserve(alice, {}, "m"));
    EXPECT_TRUE(ledger->reserve(caller(2, 2, 2), {}, "m"));
    ledger->set_budget(alices_key, Unit::requests, Period::day, std::nullopt);
    EXPECT_EQ(ledger->views(alices_key).at(0).account.limit, 1);
    EXPECT_FALSE(ledger->reserve(alice, {}, "m"));
}

TEST_F(LedgerTest, a_budget_that_the_file_names_no_longer_admits_everything) {
    auto ledger = open(store, one_request_budget(Scope::key, 0));
    EXPECT_FALSE(ledger->reserve(alice, {}, "m"));
    ledger->set_defaults({});
    EXPECT_TRUE(ledger->reserve(alice, {}, "m"));
    for (const Ledger::View& view : ledger->views(alices_key)) EXPECT_FALSE(view.account.limit);
}

TEST_F(LedgerTest, the_max_tokens_that_a_refusal_names_is_the_most_that_fits) {
    config::Quota defaults;
    defaults.key.push_back({Unit::tokens, Period::day, 100});
    auto ledger = open(store, defaults);
    const auto bound = [](std::int64_t max_tokens) {
        return Bound{.input_tokens = 30, .output_tokens = 2 * max_tokens, .choices = 2};
    };
    const auto refused = ledger->reserve(alice, bound(50), "m");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::quota_exceeded);
    EXPECT_NE(refused.error().message().find("A max_tokens of at most 35 would fit."),
              std::string_view::npos)
        << refused.error().message();
    EXPECT_EQ(refused.error().retry_after(), 12h);
    EXPECT_FALSE(ledger->reserve(alice, bound(36), "m"));
    EXPECT_TRUE(ledger->reserve(alice, bound(35), "m"));
}

TEST_F(LedgerTest, a_budget_without_a_period_says_that_it_does_not_reset) {
    config::Quota defaults;
    defaults.user.push_back({Unit::nanousd, Period::total, 1'000});
    auto ledger = open(store, defaults);
    const Bound dear{.output_tokens = 10, .input_nanousd = 2'000, .output_nanousd = 10};
    const auto refused = ledger->reserve(alice, dear, "m");
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message().find("does not reset"), std::string_view::npos);
    EXPECT_FALSE(refused.error().retry_after());
}

// --- the end of a hold

TEST_F(LedgerTest, a_settlement_is_visible_when_it_returns) {
    config::Quota defaults;
    defaults.key.push_back({Unit::tokens, Period::day, 1'000});
    auto ledger = open(store, defaults);
    store.paused = true;
    auto reservation = ledger->reserve(alice, {.input_tokens = 100, .output_tokens = 400}, "m");
    ASSERT_TRUE(reservation);
    EXPECT_EQ(window_of(*ledger, alices_key, Unit::tokens).held, 500);
    EXPECT_EQ(ledger->totals(alice_herself).holds_open, 1);
    std::move(*reservation).settle({.cost = {90, 60, 7}});
    const Window after = window_of(*ledger, alices_key, Unit::tokens);
    EXPECT_EQ(after.held, 0);
    EXPECT_EQ(after.settled, 150);
    EXPECT_EQ(window_of(*ledger, alice_herself).settled, 1);
    const Books::Totals totals = ledger->totals(alice_herself);
    EXPECT_EQ(totals.requests, 1);
    EXPECT_EQ(totals.tokens_in, 90);
    EXPECT_EQ(totals.tokens_out, 60);
    EXPECT_EQ(totals.nanousd, 7);
    EXPECT_EQ(totals.holds_open, 0);
    store.paused = false;
}

TEST_F(LedgerTest, use_above_the_hold_is_an_overage_and_counts) {
    config::Quota defaults;
    defaults.key.push_back({Unit::tokens, Period::day, 100});
    auto ledger = open(store, defaults);
    auto reservation = ledger->reserve(alice, {.input_tokens = 40, .output_tokens = 60}, "m");
    ASSERT_TRUE(reservation);
    std::move(*reservation).settle({.cost = {40, 90, 0}});
    EXPECT_EQ(window_of(*ledger, alices_key, Unit::tokens).settled, 130);
    const Entry overage = last(store);
    EXPECT_EQ(overage.kind, EntryKind::overage);
    ASSERT_EQ(overage.deltas.size(), 1u);
    EXPECT_EQ(overage.deltas[0].settled, 30);
    EXPECT_EQ(overage.deltas[0].held, 0);
    const Books::Totals totals = ledger->totals(alice_herself);
    EXPECT_EQ(totals.requests, 1);
    EXPECT_EQ(totals.tokens_out, 90);
    EXPECT_EQ(totals.overages, 1);
    EXPECT_FALSE(ledger->reserve(alice, {.input_tokens = 1}, "m"));
    expect_sound(store);
}

// --- soft limits

TEST_F(LedgerTest, tells_once_when_a_budget_reaches_each_of_its_soft_limits) {
    config::Quota defaults = one_request_budget(Scope::key, 10);
    defaults.key.front().soft = {50, 80, 100};
    auto ledger = open(store, defaults);
    std::vector<std::pair<std::int64_t, std::int64_t>> told; // percent, settled
    ledger->on_soft_limit([&](const Ledger::SoftLimit& reached) {
        EXPECT_EQ(reached.account.subject, alices_key);
        told.emplace_back(reached.percent, reached.window.settled);
    });
    const auto spend = [&] {
        auto reservation = ledger->reserve(alice, {}, "m");
        ASSERT_TRUE(reservation);
        std::move(*reservation).settle({});
    };
    for (int i = 0; i < 10; ++i) spend();
    EXPECT_EQ(told,
              (std::vector<std::pair<std::int64_t, std::int64_t>>{{50, 5}, {80, 8}, {100, 10}}));
    told.clear();
    clock.advance(24h); // another day, another window
    for (int i = 0; i < 5; ++i) spend();
    EXPECT_EQ(told.size(), 1u);
}

TEST_F(LedgerTest, tells_every_soft_limit_that_one_request_goes_past) {
    config::Quota defaults;
    defaults.key.push_back({Unit::tokens, Period::day, 100, {10, 50, 100}});
    auto ledger = open(store, defaults);
    std::vector<std::int64_t> told;
    ledger->on_soft_limit(
        [&](const Ledger::SoftLimit& reached) { told.push_back(reached.percent); });
    auto reservation = ledger->reserve(alice, {.output_tokens = 60}, "m");
    ASSERT_TRUE(reservation);
    EXPECT_TRUE(told.empty()) << "what is held is not yet spent";
    std::move(*reservation).settle({.cost = {0, 130, 0}}); // the rest is an overage
    EXPECT_EQ(told, (std::vector<std::int64_t>{10, 50, 100}));
}

TEST_F(LedgerTest, a_hold_from_before_midnight_charges_the_day_it_was_admitted_in) {
    auto ledger = open(store, one_request_budget(Scope::key, 1));
    clock.set(sys_days(2026y / May / 20) + 23h + 59min + 59s);
    const std::int64_t yesterday = sys_days(2026y / May / 20).time_since_epoch() / 1s;
    auto late = ledger->reserve(alice, {}, "m");
    ASSERT_TRUE(late);
    clock.advance(2s);
    const auto early = ledger->reserve(alice, {}, "m");
    EXPECT_TRUE(early);
    std::move(*late).settle({});
    const Entry settled = last(store);
    EXPECT_EQ(settled.kind, EntryKind::settle);
    for (const Delta& delta : settled.deltas) EXPECT_EQ(delta.window_start, yesterday);
    const Window today = window_of(*ledger, alices_key);
    EXPECT_EQ(today.settled, 0);
    EXPECT_EQ(today.held, 1);
    expect_sound(store);
}

TEST_F(LedgerTest, dropped_before_it_was_sent_a_reservation_returns_everything) {
    config::Quota defaults;
    defaults.key.push_back({Unit::tokens, Period::day, 100});
    auto ledger = open(store, defaults);
    for (int i = 0; i < 10; ++i) {
        EXPECT_TRUE(ledger->reserve(alice, {.input_tokens = 40, .output_tokens = 60}, "m"));
        EXPECT_EQ(last(store).kind, EntryKind::void_);
    }
    const Window window = window_of(*ledger, alices_key, Unit::tokens);
    EXPECT_EQ(window.settled + window.held, 0);
    EXPECT_EQ(ledger->totals(alice_herself).requests, 0);
}

TEST_F(LedgerTest, dropped_after_it_was_sent_a_reservation_pays_the_request_and_its_input) {
    config::Quota defaults;
    defaults.key.push_back({Unit::tokens, Period::day, 100});
    auto ledger = open(store, defaults);
    {
        auto reservation = ledger->reserve(alice, {.input_tokens = 40, .output_tokens = 60}, "m");
        ASSERT_TRUE(reservation);
        reservation->mark_sent({35, 0, 0});
    }
    EXPECT_EQ(window_of(*ledger, alices_key, Unit::tokens).settled, 35);
    EXPECT_EQ(last(store).kind, EntryKind::settle);
    EXPECT_EQ(last(store).reason, Reason::cancelled);
    EXPECT_EQ(last(store).certainty, Certainty::estimated);
    EXPECT_EQ(ledger->totals(alice_herself).requests, 1);
}

TEST_F(LedgerTest, dropped_in_the_middle_a_reservation_pays_the_most_that_was_counted) {
    auto ledger = open(store, {});
    {
        auto reservation = ledger->reserve(alice, {.input_tokens = 40, .output_tokens = 60}, "m");
        ASSERT_TRUE(reservation);
        reservation->mark_sent({35, 0, 0});
        reservation->count({35, 20, 9}, Certainty::estimated);
        reservation->count({30, 10, 4}, Certainty::reported);
    }
    EXPECT_EQ(last(store).tokens_in, 35);
    EXPECT_EQ(last(store).tokens_out, 20);
    EXPECT_EQ(last(store).nanousd, 9);
}

TEST_F(LedgerTest, a_moved_reservation_ends_once) {
    auto ledger = open(store, {});
    {
        auto first = ledger->reserve(alice, {}, "m");
        ASSERT_TRUE(first);
        const Reservation second(*std::move(first));
    }
    const auto all = entries(store);
    EXPECT_EQ(std::ranges::count(all, EntryKind::void_, &Entry::kind), 1);
}

TEST_F(LedgerTest, released_holds_never_leak) {
    MemoryStore disk(MemoryStore::Writes::on_thread);
    auto ledger = open(disk, one_request_budget(Scope::key, 8));
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] {
            for (int n = 0; n < 500; ++n) EXPECT_TRUE(ledger->reserve(alice, {}, "m"));
        });
    }
    threads.clear();
    EXPECT_EQ(window_of(*ledger, alices_key).held, 0);
    EXPECT_EQ(ledger->totals(alices_key).holds_open, 0);
}

TEST_F(LedgerTest, the_clock_going_back_over_midnight_does_not_refill_yesterday) {
    auto ledger = open(store, one_request_budget(Scope::key, 1));
    clock.set(sys_days(2026y / May / 20) + 23h + 59min + 59s);
    auto spent = ledger->reserve(alice, {}, "m");
    ASSERT_TRUE(spent);
    std::move(*spent).settle({});
    clock.advance(2s);
    EXPECT_TRUE(ledger->reserve(alice, {}, "m"));
    clock.advance(-2s);
    EXPECT_FALSE(ledger->reserve(alice, {}, "m"));
}

TEST_F(LedgerTest, a_clock_that_jumped_ahead_and_was_put_right_refills_nothing) {
    const config::Quota defaults = one_request_budget(Scope::key, 1);
    auto ledger = open(store, defaults);
    std::move(*ledger->reserve(alice, {}, "m")).settle({});
    for (const auto jump : {24h * 3, 24h * 40}) {
        clock.advance(jump);
        std::move(*ledger->reserve(alice, {}, "m")).settle({});
        clock.advance(-jump);
        clock.advance(limits::window_flush_time);
        EXPECT_FALSE(ledger->reserve(alice, {}, "m"));
        ledger->stop();
        ledger = open(store, defaults);
        EXPECT_FALSE(ledger->reserve(alice, {}, "m"));
    }
    expect_sound(store);
}

TEST_F(LedgerTest, a_clock_that_comes_back_after_many_days_refills_nothing) {
    const config::Quota defaults = one_request_budget(Scope::key, 2);
    auto ledger = open(store, defaults);
    for (int i = 0; i < 2; ++i) std::move(*ledger->reserve(alice, {}, "m")).settle({});
    for (int day = 0; day < 20; ++day) {
        clock.advance(24h);
        std::move(*ledger->reserve(alice, {}, "m")).settle({});
    }
    clock.set(noon);
    // What is left of the oldest day that is known, and no more.
    int admitted = 0;
    for (int restart = 0; restart < 3; ++restart) {
        for (int i = 0; i < 5; ++i)
            if (auto reservation = ledger->reserve(alice, {}, "m")) {
                std::move(*reservation).settle({});
                ++admitted;
            }
        clock.advance(limits::window_flush_time);
        ledger->stop();
        expect_sound(store);
        ledger = open(store, defaults);
    }
    EXPECT_EQ(admitted, 1);
}

// --- durability

TEST_F(LedgerTest, durable_returns_after_the_commit_and_not_before) {
    auto ledger = open(store, {});
    store.paused = true;
    auto reservation = ledger->reserve(alice, {}, "m");
    ASSERT_TRUE(reservation);
    const std::size_t before = store.journal.size();
    const auto outcome = finish([&](net::Loop& loop) { return reservation->durable(loop); },
                                [&](net::Loop& loop) {
                                    loop.run_for(50ms);
                                    EXPECT_EQ(store.journal.size(), before);
                                    store.paused = false;
                                    store.write_all();
                                });
    EXPECT_TRUE(outcome);
    EXPECT_EQ(store.journal.size(), before + 1);
}

TEST_F(LedgerTest, a_failed_commit_is_told_to_those_who_wait_and_stops_admissions) {
    auto ledger = open(store, {});
    store.paused = true;
    auto reservation = ledger->reserve(alice, {}, "m");
    ASSERT_TRUE(reservation);
    const auto outcome = finish([&](net::Loop& loop) { return reservation->durable(loop); },
                                [&](net::Loop& loop) {
                                    loop.run_for(10ms);
                                    store.failures = 1;
                                    store.paused = false;
                                    store.write_all();
                                });
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code(), Errc::ledger_unavailable);
    EXPECT_TRUE(ledger->broken());
    const auto later = ledger->reserve(alice, {}, "m");
    ASSERT_FALSE(later);
    EXPECT_EQ(later.error().code(), Errc::ledger_unavailable);
    EXPECT_TRUE(later.error().retry_after());
    const auto again = finish([&](net::Loop& loop) { return reservation->durable(loop); });
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code(), Errc::ledger_unavailable);
}

TEST_F(LedgerTest, nothing_is_written_after_a_failed_commit) {
    auto ledger = open(store, {});
    auto first = ledger->reserve(alice, {}, "m");
    ASSERT_TRUE(first);
    const std::size_t before = store.journal.size();
    store.failures = 1;
    auto lost = ledger->reserve(alice, {}, "m");
    ASSERT_TRUE(lost);
    ASSERT_TRUE(ledger->broken());
    // The disk works again, but what follows the lost batch would leave a gap.
    std::move(*first).settle({});
    clock.advance(10s);
    ledger->stop();
    EXPECT_EQ(store.journal.size(), before);
    const auto outcome = finish([&](net::Loop& loop) { return lost->durable(loop); });
    EXPECT_FALSE(outcome);
    expect_sound(store);
    const auto copy = store.copy();
    EXPECT_TRUE(open(*copy, {}) != nullptr);
}

TEST_F(LedgerTest, once_the_disk_can_be_written_it_goes_on_and_the_disk_tells_the_same_story) {
    auto ledger = open(store, one_request_budget(Scope::key, 3));
    std::vector<bool> told;
    ledger->on_health([&](const Error* why) { told.push_back(why == nullptr); });
    auto before = ledger->reserve(alice, {}, "m");
    ASSERT_TRUE(before);
    store.failures = 1;
    auto lost = ledger->reserve(alice, {}, "m");
    ASSERT_TRUE(lost);
    EXPECT_FALSE(finish([&](net::Loop& loop) { return lost->durable(loop); }));
    // Who was told that it failed gives up; who had answered pays.
    std::move(*lost).release();
    std::move(*before).settle({});
    EXPECT_FALSE(ledger->reserve(alice, {}, "m"));
    store.mend();
    EXPECT_FALSE(ledger->broken());
    EXPECT_EQ(told, (std::vector<bool>{false, true}));
    EXPECT_EQ(window_of(*ledger, alices_key).settled, 1);
    EXPECT_EQ(window_of(*ledger, alices_key).held, 0);
    EXPECT_TRUE(ledger->reserve(alice, {}, "m"));
    expect_sound(store);
    const auto copy = store.copy();
    auto again = open(*copy, one_request_budget(Scope::key, 3));
    EXPECT_EQ(window_of(*again, alices_key).settled, 1);
}

TEST_F(LedgerTest, a_full_queue_is_refused_as_overloaded_until_it_is_written) {
    auto ledger = open(store, {});
    store.paused = true;
    std::vector<Reservation> holds;
    std::optional<Error> refused;
    for (std::size_t i = 0; i < 2 * limits::ledger_queue && !refused; ++i) {
        auto reservation = ledger->reserve(alice, {}, "m");
        if (reservation) holds.push_back(*std::move(reservation));
        else refused = reservation.error();
    }
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->code(), Errc::overloaded);
    EXPECT_NEAR(static_cast<double>(holds.size()), limits::ledger_queue, 2 * limits::ledger_batch);
    store.paused = false;
    store.write_all();
    EXPECT_TRUE(ledger->reserve(alice, {}, "m"));
}

TEST_F(LedgerTest, many_waiters_on_several_loops_are_all_woken) {
    MemoryStore disk(MemoryStore::Writes::on_thread);
    auto ledger = open(disk, {});
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&, i] {
            for (int n = 0; n < 200; ++n) {
                auto reservation = ledger->reserve(caller(i, i, 1), {}, "m");
                ASSERT_TRUE(reservation);
                ASSERT_TRUE(finish([&](net::Loop& loop) { return reservation->durable(loop); }));
                const std::int64_t lsn = std::move(*reservation).settle({});
                ASSERT_TRUE(
                    finish([&](net::Loop& loop) { return ledger->when_durable(lsn, loop); }));
            }
        });
    }
    threads.clear();
    ledger->stop();
    expect_sound(disk);
    EXPECT_EQ(ledger->totals({Scope::everyone, 0}).requests, 800);
}

// --- recovery

TEST_F(LedgerTest, read_sees_the_balances_that_the_ledger_has) {
    config::Quota defaults;
    defaults.user.push_back({Unit::tokens, Period::month, 10'000});
    auto ledger = open(store, defaults);
    std::vector<Reservation> open_holds;
    for (int i = 0; i < 40; ++i) {
        clock.advance(70ms);
        auto reservation = ledger->reserve(alice, {.input_tokens = 5, .output_tokens = 50}, "m");
        ASSERT_TRUE(reservation);
        if (i % 4 == 0) open_holds.push_back(*std::move(reservation));
        else std::move(*reservation).settle({.cost = {5, i, 3}});
    }
    auto books = Ledger::read(*store.copy());
    ASSERT_TRUE(books);
    AccountState* const read = books->find(alice_herself, Unit::tokens, Period::month);
    ASSERT_NE(read, nullptr);
    const Window live = window_of(*ledger, alice_herself, Unit::tokens);
    EXPECT_EQ(read->at(clock.wall()).settled, live.settled);
    EXPECT_EQ(read->at(clock.wall()).held, live.held);
    EXPECT_EQ(books->totals(alice_herself).requests, 30);
    EXPECT_EQ(books->totals(alice_herself).holds_open, 10);
}

TEST_F(LedgerTest, holds_found_open_are_settled_at_their_bound_as_a_crash) {
    config::Quota defaults;
    defaults.key.push_back({Unit::tokens, Period::day, 1'000});
    auto ledger = open(store, defaults);
    const auto first = ledger->reserve(alice, {.input_tokens = 10, .output_tokens = 90}, "m");
    const auto second = ledger->reserve(alice, {.input_tokens = 20, .output_tokens = 80}, "m");
    const auto disk = store.copy();
    const auto after = open(*disk, defaults);
    EXPECT_EQ(window_of(*after, alices_key, Unit::tokens).settled, 200);
    EXPECT_EQ(window_of(*after, alices_key, Unit::tokens).held, 0);
    EXPECT_EQ(after->totals(alices_key).requests, 2);
    EXPECT_EQ(after->totals(alices_key).holds_open, 0);
    int crashes = 0;
    for (const Entry& entry : entries(*disk)) {
        if (entry.reason != Reason::crash) continue;
        ++crashes;
        EXPECT_EQ(entry.kind, EntryKind::settle);
        EXPECT_EQ(entry.certainty, Certainty::estimated);
    }
    EXPECT_EQ(crashes, 2);
    expect_sound(*disk);
}

TEST_F(LedgerTest, a_window_that_ends_between_two_summaries_is_written_as_it_ended) {
    auto ledger = open(store, one_request_budget(Scope::key, 5));
    clock.set(sys_days(2026y / May / 20) + 23h + 59min + 58s);
    clock.advance(1s);
    auto reservation = ledger->reserve(alice, {}, "m"); // a summary sees it held
    ASSERT_TRUE(reservation);
    clock.advance(100ms);
    std::move(*reservation).settle({}); // too early for the next summary
    clock.advance(1s);
    EXPECT_TRUE(ledger->reserve(alice, {}, "m")); // tomorrow
    clock.advance(1s);
    EXPECT_TRUE(ledger->reserve(alice, {}, "m"));
    ledger->stop();
    expect_sound(store);
    const std::int64_t today = sys_days(2026y / May / 21).time_since_epoch() / 1s;
    for (const WindowRow& row : store.load()->windows)
        if (row.window.span.start < today) EXPECT_EQ(row.window.held, 0);
}

TEST_F(LedgerTest, limits_survive_a_restart) {
    auto ledger = open(store, {});
    ledger->set_budget(alices_key, Unit::tokens, Period::week, 77);
    ledger->set_budget(alice_herself, Unit::nanousd, Period::total, 0);
    const auto disk = store.copy();
    const auto after = open(*disk, {});
    const auto views = after->views(alices_key);
    const auto weekly = std::ranges::find(
        views, Period::week, [](const Ledger::View& view) { return view.account.period; });
    ASSERT_TRUE(weekly != views.end());
    EXPECT_EQ(weekly->account.unit, Unit::tokens);
    EXPECT_EQ(weekly->account.limit, 77);
    EXPECT_FALSE(after->reserve(alice, {.input_nanousd = 1}, "m"));
}

TEST_F(LedgerTest, a_stopped_ledger_refuses_and_has_written_everything) {
    MemoryStore disk(MemoryStore::Writes::on_thread);
    auto ledger = open(disk, {});
    for (int i = 0; i < 2'500; ++i) EXPECT_TRUE(ledger->reserve(alice, {}, "m"));
    ledger->stop();
    const auto refused = ledger->reserve(alice, {}, "m");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::shutting_down);
    const auto all = entries(disk);
    EXPECT_EQ(std::ranges::count(all, EntryKind::void_, &Entry::kind), 2'500);
}

} // namespace
} // namespace weir::quota
