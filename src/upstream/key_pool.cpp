#include "upstream/key_pool.h"

#include <algorithm>

namespace weir::upstream {

std::string_view name(KeyState state) {
    switch (state) {
    case KeyState::ok: return "ok";
    case KeyState::cooling: return "cooling";
    case KeyState::suspended_auth: return "suspended (auth)";
    case KeyState::suspended_billing: return "suspended (billing)";
    }
    return "ok";
}

KeyPool::Choices KeyPool::choose(const config::Provider& provider) {
    Choices out;
    if (provider.keys.empty()) {
        out.keys.push_back({"", Secret()});
        return out;
    }
    std::size_t turn = 0;
    if (provider.keys.size() > 1) {
        auto turns = turns_.lock();
        turn = (*turns)[provider.name]++;
    }
    // Each key stands in the cycle as often as it weighs.
    std::vector<std::size_t> cycle;
    for (std::size_t i = 0; i < provider.keys.size(); ++i)
        cycle.insert(cycle.end(), static_cast<std::size_t>(provider.keys[i].weight), i);
    const std::size_t first = cycle[turn % cycle.size()];

    const SteadyTime now = clock_.steady();
    auto entries = entries_.lock();
    for (std::size_t i = 0; i < provider.keys.size(); ++i) {
        const config::ProviderKey& key = provider.keys[(first + i) % provider.keys.size()];
        Entry& entry = (*entries)[id_of(provider, key.name)];
        if (entry.state == KeyState::cooling && now >= entry.until) entry.state = KeyState::ok;
        if (entry.state == KeyState::ok) {
            out.keys.push_back({key.name, key.value});
        } else if (entry.state == KeyState::cooling) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(entry.until - now);
            out.ready_in = out.ready_in ? std::min(*out.ready_in, left) : left;
        }
    }
    if (out.keys.empty())
        out.lack = out.ready_in ? Choices::Lack::cooling : Choices::Lack::suspended;
    return out;
}

KeyPool::Use::Use(KeyPool& pool, std::string id) : pool_(&pool), id_(std::move(id)) {
    ++(*pool_->entries_.lock())[id_].in_flight;
}

KeyPool::Use::~Use() {
    if (pool_ != nullptr) --(*pool_->entries_.lock())[id_].in_flight;
}

KeyPool::Use KeyPool::use(const config::Provider& provider, const std::string& key) {
    return Use(*this, id_of(provider, key));
}

void KeyPool::cool(const config::Provider& provider, const std::string& key,
                   std::chrono::milliseconds wait, std::string why) {
    auto entries = entries_.lock();
    Entry& entry = (*entries)[id_of(provider, key)];
    entry.last_error = std::move(why);
    if (entry.state == KeyState::suspended_auth || entry.state == KeyState::suspended_billing)
        return;
    const SteadyTime until = clock_.steady() + wait;
    // The latest deadline wins: a cooling key is never let out early.
    entry.until = entry.state == KeyState::cooling ? std::max(entry.until, until) : until;
    entry.state = KeyState::cooling;
}

void KeyPool::suspend(const config::Provider& provider, const std::string& key, KeyState state,
                      std::string why) {
    auto entries = entries_.lock();
    Entry& entry = (*entries)[id_of(provider, key)];
    entry.state = state;
    entry.last_error = std::move(why);
}

void KeyPool::note_error(const config::Provider& provider, const std::string& key,
                         std::string why) {
    (*entries_.lock())[id_of(provider, key)].last_error = std::move(why);
}

void KeyPool::note_success(const config::Provider& provider, const std::string& key) {
    auto entries = entries_.lock();
    Entry& entry = (*entries)[id_of(provider, key)];
    if (entry.state == KeyState::ok && !entry.last_error.empty()) entry.last_error.clear();
}

std::vector<KeyPool::View> KeyPool::view(const config::Provider& provider) {
    std::vector<View> out;
    const SteadyTime now = clock_.steady();
    auto entries = entries_.lock();
    for (const config::ProviderKey& key : provider.keys) {
        Entry& entry = (*entries)[id_of(provider, key.name)];
        if (entry.state == KeyState::cooling && now >= entry.until) entry.state = KeyState::ok;
        View view{key.name, entry.state, std::nullopt, entry.in_flight, entry.last_error};
        if (entry.state == KeyState::cooling)
            view.until =
                clock_.wall() + std::chrono::ceil<std::chrono::microseconds>(entry.until - now);
        out.push_back(std::move(view));
    }
    return out;
}

} // namespace weir::upstream
