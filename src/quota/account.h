#pragma once
// Who is charged and what is counted. An account is one budget or meter of one subject; a window is
// one of its periods.

#include "base/ids.h"
#include "config/config.h"
#include "quota/window.h"

#include <array>
#include <compare>
#include <cstdint>
#include <optional>

namespace weir::quota {

using config::Period;
using config::Scope;
using config::Unit;

using AccountId = Id<struct AccountTag>; // numbered by the journal, from 1

struct Subject {
    Scope scope = Scope::everyone;
    std::int64_t id = 0; // KeyId, UserId or TeamId; 0 for everyone
    friend auto operator<=>(const Subject&, const Subject&) = default;
};

// Who stands behind one request, in numbers.
struct Payer {
    KeyId key;
    UserId user;
    std::optional<TeamId> team;
};

// An amount of each unit.
struct Amounts {
    std::int64_t requests = 0;
    std::int64_t tokens = 0;
    std::int64_t nanousd = 0;
    std::int64_t of(Unit unit) const {
        return unit == Unit::requests ? requests : unit == Unit::tokens ? tokens : nanousd;
    }
};

struct Account {
    AccountId id;
    Subject subject;
    Unit unit = Unit::requests;
    Period period = Period::day;
    std::optional<std::int64_t> limit; // none: it only counts
    // Set by command, and so stronger than the file's default.
    enum class Origin : std::uint8_t { file, command } origin = Origin::file;
    // Whose days it counts. A change leaves a window in which something was spent, or is held, to
    // its end; the next begins there.
    const config::TimeZone* zone = &config::TimeZone::utc();
    Origin zone_origin = Origin::file;
    friend bool operator==(const Account&, const Account&) = default;
};

struct Window {
    Span span;
    std::int64_t settled = 0;
    std::int64_t held = 0;
    std::int64_t holds = 0; // open ones that it stands in, also with nothing
    // Nothing stood in it when its account took on another zone.
    bool is_over() const { return span.end == span.start; }
    bool is_used() const { return settled != 0 || held != 0 || holds != 0; }
};

} // namespace weir::quota
