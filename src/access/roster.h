#pragma once
// Everyone there is, as one immutable value: what Access swaps when something changes.

#include "access/user_store.h"

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

namespace weir::access {

// One key; the record is shared by every roster it is in, so that its time of use is one.
struct KeyRecord {
    Key key;
    std::shared_ptr<const KeyTerms> terms;
    std::shared_ptr<std::atomic<std::int64_t>> last_used; // microseconds since 1970; 0: never

    Key current() const;
};

struct Roster {
    std::map<TeamId, Team> teams;
    std::map<UserId, User> users;
    std::unordered_map<std::string, std::shared_ptr<const KeyRecord>> keys; // by public id
    std::map<KeyId, std::string> public_ids;

    void put(User user);
    void put(Key key);
    // After users or teams changed: what each key says of its owner.
    void refresh_terms();

private:
    std::shared_ptr<const KeyTerms> terms_of(const Key& key) const;
};

} // namespace weir::access
