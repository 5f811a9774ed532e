#pragma once
// How many requests of one key are in progress. A Slot is one of them and leaves when it goes out
// of scope.
// Thread: any.

#include "base/guarded.h"
#include "base/ids.h"

#include <memory>
#include <optional>
#include <unordered_map>

namespace weir::limits {

class Concurrency {
public:
    class Slot {
    public:
        Slot(Slot&& other) noexcept
            : owner_(std::exchange(other.owner_, nullptr)), key_(other.key_) {}
        Slot& operator=(Slot&&) = delete;
        ~Slot();

    private:
        friend class Concurrency;
        Slot(Concurrency& owner, KeyId key) : owner_(&owner), key_(key) {}
        Concurrency* owner_;
        KeyId key_;
    };

    // nullopt where `max` are there already. The Concurrency outlives its slots.
    std::optional<Slot> enter(KeyId key, std::int64_t max);

private:
    Guarded<std::unordered_map<KeyId, std::int64_t>> running_; // keys with none are not in it
};

} // namespace weir::limits
