#include "quota/window.h"

#include <gtest/gtest.h>
#include <random>

namespace weir::quota {
namespace {

using namespace std::chrono;
using config::Period;

constexpr sys_days first_day = 2000y / January / 1;
constexpr sys_days last_day = 2040y / January / 1;

WallTime at(std::int64_t seconds_since_1970) { return sys_seconds(seconds(seconds_since_1970)); }

// Every span of the period from 2000 to 2040, each found from the end of the one before.
std::vector<Span> spans_of(Period period) {
    std::vector<Span> out;
    std::int64_t next = sys_seconds(first_day).time_since_epoch().count();
    while (next < sys_seconds(last_day).time_since_epoch().count()) {
        out.push_back(period_around(period, at(next)));
        next = out.back().end;
    }
    return out;
}

class WindowOfPeriod : public testing::TestWithParam<Period> {};

TEST_P(WindowOfPeriod, follows_the_one_before_without_a_gap_from_2000_to_2040) {
    const std::vector<Span> spans = spans_of(GetParam());
    for (std::size_t i = 0; i < spans.size(); ++i) {
        ASSERT_LT(spans[i].start, spans[i].end);
        if (i > 0) ASSERT_EQ(spans[i - 1].end, spans[i].start);
    }
}

TEST_P(WindowOfPeriod, is_the_only_one_that_any_of_its_instants_finds) {
    std::mt19937_64 random(1); // NOLINT: a fixed seed repeats the run
    for (const Span& span : spans_of(GetParam())) {
        const auto length = static_cast<std::uint64_t>(span.end - span.start) * 1'000'000;
        std::vector<microseconds> instants{0us, 1us, microseconds(length) - 1us};
        for (int i = 0; i < 8; ++i)
            instants.emplace_back(static_cast<std::int64_t>(random() % length));
        for (const microseconds instant : instants)
            ASSERT_EQ(period_around(GetParam(), at(span.start) + instant), span);
        ASSERT_NE(period_around(GetParam(), at(span.start) - 1us), span);
        ASSERT_NE(period_around(GetParam(), at(span.end)), span);
    }
}

INSTANTIATE_TEST_SUITE_P(Window, WindowOfPeriod,
                         testing::Values(Period::day, Period::week, Period::month),
                         [](const auto& tested) {
                             return std::string(config::name(tested.param));
                         });

TEST(Window, a_day_has_86400_seconds_from_midnight_in_utc) {
    for (const Span& span : spans_of(Period::day)) {
        ASSERT_EQ(span.start % 86'400, 0);
        ASSERT_EQ(span.end - span.start, 86'400);
    }
}

TEST(Window, a_week_has_seven_days_from_monday) {
    for (const Span& span : spans_of(Period::week)) {
        ASSERT_EQ(weekday(floor<days>(at(span.start))), Monday);
        ASSERT_EQ(span.end - span.start, 7 * 86'400);
    }
}

TEST(Window, a_month_goes_from_its_first_day_to_that_of_the_next) {
    int months_seen = 0;
    for (const Span& span : spans_of(Period::month)) {
        const year_month_day start(floor<days>(at(span.start)));
        const year_month_day end(floor<days>(at(span.end)));
        ASSERT_EQ(start.day(), day(1));
        ASSERT_EQ(end.day(), day(1));
        ASSERT_EQ(end.year() / end.month(), start.year() / start.month() + months(1));
        ++months_seen;
    }
    EXPECT_EQ(months_seen, 40 * 12);
}

TEST(Window, a_leap_day_is_a_day_of_february) {
    const Span february = period_around(Period::month, sys_days(2024y / February / 29));
    EXPECT_EQ(february.end - february.start, 29 * 86'400);
}

TEST(Window, total_never_ends) {
    const Span total = period_around(Period::total, sys_days(2039y / December / 31));
    EXPECT_EQ(total, (Span{0, never_ends}));
}

} // namespace
} // namespace weir::quota
