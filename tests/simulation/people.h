#pragma once
// Who lives in a history: a few keys of two users, who change between two teams, so that budgets of
// every scope are shared and fought for. A slot is one account that could be: a subject, a unit and
// a period, numbered, so that the model is a table.

#include "base/caller.h"
#include "quota/account.h"

#include <array>
#include <vector>

namespace weir::simulation {

inline constexpr std::int64_t keys = 4;
inline constexpr std::int64_t users = 2;
inline constexpr std::int64_t teams = 2;
inline constexpr std::size_t subjects = 1 + teams + users + keys;
inline constexpr std::size_t slots_per_subject = 3 * 4; // units and periods
inline constexpr std::size_t slots = subjects * slots_per_subject;

inline std::size_t subject_index(const quota::Subject& subject) {
    const auto id = static_cast<std::size_t>(subject.id);
    switch (subject.scope) {
    case quota::Scope::everyone: return 0;
    case quota::Scope::team: return id;
    case quota::Scope::user: return teams + id;
    case quota::Scope::key: return teams + users + id;
    }
    return 0;
}

inline quota::Subject subject_at(std::size_t index) {
    if (index == 0) return {quota::Scope::everyone, 0};
    const auto id = static_cast<std::int64_t>(index);
    if (id <= teams) return {quota::Scope::team, id};
    if (id <= teams + users) return {quota::Scope::user, id - teams};
    return {quota::Scope::key, id - teams - users};
}

inline std::size_t slot_in_subject(quota::Unit unit, quota::Period period) {
    return static_cast<std::size_t>(unit) * 4 + static_cast<std::size_t>(period);
}
inline std::size_t slot_of(const quota::Subject& subject, quota::Unit unit, quota::Period period) {
    return subject_index(subject) * slots_per_subject + slot_in_subject(unit, period);
}
inline quota::Unit unit_of(std::size_t slot) {
    return static_cast<quota::Unit>(slot % slots_per_subject / 4);
}
inline quota::Period period_of(std::size_t slot) { return static_cast<quota::Period>(slot % 4); }

inline std::int64_t owner_of(std::int64_t key) { return 1 + (key - 1) % users; }

} // namespace weir::simulation
