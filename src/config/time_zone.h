#pragma once
// A named time zone of the system's IANA database. There is one object for each name in use; it
// lives as long as the process, so that zones are compared and kept as pointers.
// Thread: any.

#include "base/clock.h"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace date {
class time_zone;
}

namespace weir::config {

class TimeZone {
public:
    // Null where the system knows no such zone.
    static const TimeZone* find(std::string_view name);
    static const TimeZone& utc();

    const std::string& name() const { return name_; }

    // The calendar's day there.
    std::chrono::sys_days date_of(WallTime time) const;
    // When that date begins there, in seconds since 1970: at midnight, at the first of two
    // midnights, or where midnight is skipped at the first instant after it.
    std::int64_t start_of(std::chrono::sys_days date) const;

private:
    TimeZone(std::string name, const date::time_zone* rules)
        : name_(std::move(name)), rules_(rules) {}
    std::string name_;
    const date::time_zone* rules_; // null: UTC
};

} // namespace weir::config
