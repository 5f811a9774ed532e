#include "quota/window.h"

#include <fstream>
#include <gtest/gtest.h>
#include <random>
#include <sstream>

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
        out.push_back(period_around(period, config::TimeZone::utc(), at(next)));
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
            ASSERT_EQ(period_around(GetParam(), config::TimeZone::utc(), at(span.start) + instant),
                      span);
        ASSERT_NE(period_around(GetParam(), config::TimeZone::utc(), at(span.start) - 1us), span);
        ASSERT_NE(period_around(GetParam(), config::TimeZone::utc(), at(span.end)), span);
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
    const Span february =
        period_around(Period::month, config::TimeZone::utc(), sys_days(2024y / February / 29));
    EXPECT_EQ(february.end - february.start, 29 * 86'400);
}

TEST(Window, total_never_ends) {
    const Span total =
        period_around(Period::total, config::TimeZone::utc(), sys_days(2039y / December / 31));
    EXPECT_EQ(total, (Span{0, never_ends}));
}

// --- other time zones

const config::TimeZone& zone(std::string_view name) {
    const config::TimeZone* const found = config::TimeZone::find(name);
    EXPECT_NE(found, nullptr) << name;
    return found == nullptr ? config::TimeZone::utc() : *found;
}

// As the system lists them, one a line after coordinates.
std::vector<std::string> all_zones() {
    std::vector<std::string> out;
    std::ifstream list("/usr/share/zoneinfo/zone1970.tab");
    for (std::string line; std::getline(list, line);) {
        if (line.starts_with('#')) continue;
        std::istringstream words(line);
        std::string country;
        std::string place;
        std::string name;
        words >> country >> place >> name;
        out.push_back(name);
    }
    return out;
}

double hours_of(const Span& span) { return static_cast<double>(span.end - span.start) / 3600; }

TEST(Window, in_every_zone_each_instant_from_2000_to_2040_lies_in_one_day_week_and_month) {
    const auto zones = all_zones();
    ASSERT_GT(zones.size(), 200U);
    for (const std::string& name : zones) {
        const config::TimeZone& there = zone(name);
        for (const Period period : {Period::day, Period::week, Period::month}) {
            // Every change of clocks is met: each span begins where the one before ended, and its
            // last instant still finds it.
            Span span = period_around(period, there, first_day);
            while (span.end < sys_seconds(last_day).time_since_epoch().count()) {
                const Span next = period_around(period, there, at(span.end));
                ASSERT_EQ(next.start, span.end) << name;
                ASSERT_LT(next.start, next.end) << name;
                ASSERT_EQ(period_around(period, there, at(next.end) - 1us), next) << name;
                if (period == Period::day) {
                    ASSERT_GE(hours_of(next), 20) << name;
                    ASSERT_LE(hours_of(next), 28) << name;
                }
                span = next;
            }
        }
    }
}

TEST(Window, a_day_has_23_to_25_hours_where_clocks_change) {
    const config::TimeZone& berlin = zone("Europe/Berlin");
    const auto day = [&](sys_days date) { return period_around(Period::day, berlin, date + 12h); };
    EXPECT_EQ(hours_of(day(2026y / March / 29)), 23);
    EXPECT_EQ(hours_of(day(2026y / October / 25)), 25);
    EXPECT_EQ(hours_of(day(2026y / July / 1)), 24);
    EXPECT_EQ(at(day(2026y / July / 1).start), sys_days(2026y / June / 30) + 22h);
}

TEST(Window, a_day_begins_after_a_midnight_that_is_skipped_and_at_the_first_of_two) {
    const auto start = [&](std::string_view name, sys_days date) {
        return at(period_around(Period::day, zone(name), date + 18h).start);
    };
    EXPECT_EQ(start("America/Sao_Paulo", 2018y / November / 4),
              sys_days(2018y / November / 4) + 3h);
    EXPECT_EQ(start("America/Havana", 2026y / November / 1), sys_days(2026y / November / 1) + 4h);
}

TEST(Window, a_date_that_a_zone_leaps_over_is_no_day) {
    const config::TimeZone& apia = zone("Pacific/Apia"); // from the 29th to the 31st
    const Span day = period_around(Period::day, apia, sys_days(2011y / December / 30) + 1h);
    EXPECT_EQ(at(day.end), sys_days(2011y / December / 30) + 10h);
    EXPECT_EQ(period_around(Period::day, apia, at(day.end)).start, day.end);
}

TEST(Window, an_unknown_zone_is_none) {
    EXPECT_EQ(config::TimeZone::find("Mars/Olympus"), nullptr);
    EXPECT_EQ(config::TimeZone::find(""), nullptr);
    EXPECT_EQ(config::TimeZone::find("../../etc/passwd"), nullptr);
    EXPECT_EQ(config::TimeZone::find("Europe/Berlin"), config::TimeZone::find("Europe/Berlin"));
}

} // namespace
} // namespace weir::quota
