#include "streams/idempotency.h"

namespace weir::streams {

Idempotency::Claim::~Claim() {
    if (slot_) all_->free(key_);
}

void Idempotency::Claim::begin(std::shared_ptr<StreamLog> log) {
    std::vector<Waiter> waiters;
    {
        const auto slots = all_->slots_.lock();
        slot_->log = std::move(log);
        waiters.swap(slot_->waiters);
    }
    wake(std::move(waiters));
}

net::Task<Result<void>> Idempotency::Claim::keep(net::Loop& loop, StoredAnswer answer) {
    answer.request = key_.request;
    return all_->store_.save_answer(loop, key_.owner, key_.text, std::move(answer));
}

// Those who waited look again; the first of them becomes the holder.
void Idempotency::free(const IdempotencyKey& key) {
    std::vector<Waiter> waiters;
    {
        auto slots = slots_.lock();
        const auto found = slots->find({key.owner.value(), key.text});
        if (found == slots->end()) return;
        waiters.swap(found->second->waiters);
        slots->erase(found);
    }
    wake(std::move(waiters));
}

void Idempotency::wake(std::vector<Waiter> waiters) {
    for (const Waiter& waiter : waiters)
        waiter.loop->post([signal = waiter.signal] { signal->notify(); });
}

net::Task<Result<Idempotency::Found>> Idempotency::claim(net::Loop& loop, IdempotencyKey key) {
    const std::pair<std::int64_t, std::string> name{key.owner.value(), key.text};
    net::Signal signal(loop);
    while (true) {
        std::shared_ptr<Slot> mine;
        {
            auto slots = slots_.lock();
            auto& slot = (*slots)[name];
            if (slot && slot->request != key.request)
                co_return refuse(Errc::idempotency_key_reused);
            if (slot && slot->log) co_return Found(slot->log);
            if (slot) {
                slot->waiters.push_back({&loop, &signal});
            } else {
                slot = mine = std::make_shared<Slot>();
                slot->request = key.request;
            }
        }
        if (mine) {
            Claim claim(*this, key, std::move(mine));
            CO_TRY(auto stored, co_await store_.find_answer(loop, key.owner, key.text));
            if (!stored) co_return Found(std::move(claim));
            if (stored->request != key.request) co_return refuse(Errc::idempotency_key_reused);
            if (stored->size == StoredAnswer::Size::too_large)
                co_return refuse(Errc::idempotency_answer_too_large);
            co_return Found(*std::move(stored));
        }
        co_await signal.wait();
    }
}

} // namespace weir::streams
