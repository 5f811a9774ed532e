#include "limits/concurrency.h"

namespace weir::limits {

std::optional<Concurrency::Slot> Concurrency::enter(KeyId key, std::int64_t max) {
    auto running = running_.lock();
    std::int64_t& count = (*running)[key];
    if (count >= max) return std::nullopt;
    ++count;
    return Slot(*this, key);
}

Concurrency::Slot::~Slot() {
    if (owner_ == nullptr) return;
    auto running = owner_->running_.lock();
    const auto found = running->find(key_);
    if (--found->second == 0) running->erase(found);
}

} // namespace weir::limits
