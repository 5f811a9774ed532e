#include "quota/window.h"

namespace weir::quota {

using namespace std::chrono;

namespace {

// The first date of the period that a date lies in.
sys_days first_date(config::Period period, sys_days date) {
    if (period == config::Period::day) return date;
    if (period == config::Period::week) return date - (weekday(date) - Monday);
    const year_month_day parts(date);
    return sys_days(parts.year() / parts.month() / 1);
}

sys_days next_first_date(config::Period period, sys_days first) {
    if (period == config::Period::day) return first + days(1);
    if (period == config::Period::week) return first + weeks(1);
    return first_date(period, first + days(31));
}

} // namespace

std::int64_t to_seconds(WallTime time) { return floor<seconds>(time).time_since_epoch().count(); }

Span period_around(config::Period period, const config::TimeZone& zone, WallTime now) {
    if (period == config::Period::total) return {0, never_ends};
    const std::int64_t second = to_seconds(now);
    sys_days first = first_date(period, zone.date_of(now));
    // Where a clock goes back over midnight an hour of the old date comes again within the new one,
    // and where it leaps over a whole date that date is no time at all.
    while (zone.start_of(first) > second) first = first_date(period, first - days(1));
    sys_days next = next_first_date(period, first);
    while (zone.start_of(next) <= second) {
        first = next;
        next = next_first_date(period, next);
    }
    return {zone.start_of(first), zone.start_of(next)};
}

} // namespace weir::quota
