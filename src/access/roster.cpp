#include "access/roster.h"

namespace weir::access {

Key KeyRecord::current() const {
    Key out = key;
    if (const std::int64_t used = last_used->load(std::memory_order_relaxed); used != 0)
        out.last_used_at = WallTime(std::chrono::microseconds(used));
    return out;
}

void Roster::put(User user) {
    const UserId id = user.id;
    users.insert_or_assign(id, std::move(user));
}

void Roster::put(Key key) {
    auto& place = keys[key.public_id];
    public_ids.insert_or_assign(key.id, key.public_id);
    auto record = std::make_shared<KeyRecord>();
    record->terms = terms_of(key);
    record->last_used = place ? place->last_used : std::make_shared<std::atomic<std::int64_t>>(0);
    if (!place && key.last_used_at)
        *record->last_used = key.last_used_at->time_since_epoch().count();
    record->key = std::move(key);
    place = std::move(record);
}

void Roster::refresh_terms() {
    for (auto& [id, record] : keys) {
        auto terms = terms_of(record->key);
        if (terms->owner == record->terms->owner && terms->team == record->terms->team) continue;
        auto fresh = std::make_shared<KeyRecord>(*record);
        fresh->terms = std::move(terms);
        record = std::move(fresh);
    }
}

std::shared_ptr<const KeyTerms> Roster::terms_of(const Key& key) const {
    auto terms = std::make_shared<KeyTerms>();
    terms->id = key.id;
    terms->public_id = key.public_id;
    terms->name = key.name;
    terms->models = key.models;
    terms->rate = key.rate;
    terms->admin = key.admin;
    if (const auto owner = users.find(key.user); owner != users.end()) {
        terms->owner = owner->second.email;
        if (owner->second.team)
            if (const auto team = teams.find(*owner->second.team); team != teams.end())
                terms->team = team->second.name;
    }
    return terms;
}

} // namespace weir::access
