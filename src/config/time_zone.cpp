#include "config/time_zone.h"

#include "base/guarded.h"

#include <date/tz.h>
#include <functional>
#include <map>

namespace weir::config {

using std::chrono::seconds;
using std::chrono::sys_days;

const TimeZone& TimeZone::utc() {
    static const TimeZone zone("UTC", nullptr);
    return zone;
}

const TimeZone* TimeZone::find(std::string_view name) {
    if (name == "UTC") return &utc();
    // Names for whatever this machine is set to.
    if (name == "localtime" || name == "posixrules") return nullptr;
    static Guarded<std::map<std::string, std::unique_ptr<const TimeZone>, std::less<>>> zones;
    auto known = zones.lock();
    if (const auto found = known->find(name); found != known->end()) return found->second.get();
    try {
        const auto* const rules = date::locate_zone(std::string(name));
        std::unique_ptr<const TimeZone> made(new TimeZone(std::string(name), rules));
        return known->emplace(name, std::move(made)).first->second.get();
    } catch (const std::exception&) {
        return nullptr; // the library's word for an unknown name, or for no database at all
    }
}

sys_days TimeZone::date_of(WallTime time) const {
    if (rules_ == nullptr) return std::chrono::floor<std::chrono::days>(time);
    const auto instant = date::sys_seconds(std::chrono::floor<seconds>(time).time_since_epoch());
    const seconds there = instant.time_since_epoch() + rules_->get_info(instant).offset;
    return sys_days(std::chrono::floor<std::chrono::days>(there));
}

std::int64_t TimeZone::start_of(sys_days date) const {
    const seconds midnight = std::chrono::sys_seconds(date).time_since_epoch();
    if (rules_ == nullptr) return midnight.count();
    const date::local_info there = rules_->get_info(date::local_seconds(midnight));
    if (there.result == date::local_info::nonexistent)
        return there.first.end.time_since_epoch().count();
    return (midnight - there.first.offset).count();
}

} // namespace weir::config
