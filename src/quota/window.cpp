#include "quota/window.h"

namespace weir::quota {

using namespace std::chrono;

std::int64_t to_seconds(WallTime time) { return floor<seconds>(time).time_since_epoch().count(); }

Span period_around(config::Period period, WallTime now) {
    const auto today = floor<days>(now);
    const auto span = [](sys_days start, sys_days end) {
        return Span{sys_seconds(start).time_since_epoch().count(),
                    sys_seconds(end).time_since_epoch().count()};
    };
    switch (period) {
    case config::Period::day: return span(today, today + days(1));
    case config::Period::week: {
        const auto monday = today - (weekday(today) - Monday);
        return span(monday, monday + days(7));
    }
    case config::Period::month: {
        const year_month_day date(today);
        const year_month month = date.year() / date.month();
        return span(sys_days(month / 1), sys_days((month + months(1)) / 1));
    }
    case config::Period::total: break;
    }
    return {0, never_ends};
}

} // namespace weir::quota
