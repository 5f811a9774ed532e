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

KeyPool::Entry& KeyPool::entry(std::map<std::string, Entry, std::less<>>& entries,
                               std::string_view id) {
    const auto found = entries.find(id);
    return found == entries.end() ? entries[std::string(id)] : found->second;
}

KeyPool::Choices KeyPool::choose(const config::Provider& provider) {
    Choices out;
    if (provider.keys.empty()) {
        out.keys.push_back({nullptr});
        return out;
    }
    std::size_t first = 0;
    if (provider.keys.size() > 1) {
        // Each key stands in the cycle as often as it weighs.
        std::int64_t weights = 0;
        for (const config::ProviderKey& key : provider.keys) weights += key.weight;
        auto turns = turns_.lock();
        auto point = static_cast<std::int64_t>((*turns)[provider.name]++ %
                                               static_cast<std::size_t>(weights));
        while (point >= provider.keys[first].weight) point -= provider.keys[first++].weight;
    }
    const SteadyTime now = clock_.steady();
    auto entries = entries_.lock();
    for (std::size_t i = 0; i < provider.keys.size(); ++i) {
        const config::ProviderKey& key = provider.keys[(first + i) % provider.keys.size()];
        Entry& known = entry(*entries, key.id);
        if (known.state == KeyState::cooling && now >= known.until) known.state = KeyState::ok;
        if (known.state == KeyState::ok) {
            out.keys.push_back({&key});
        } else if (known.state == KeyState::cooling) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(known.until - now);
            out.ready_in = out.ready_in ? std::min(*out.ready_in, left) : left;
        }
    }
    if (out.keys.empty())
        out.lack = out.ready_in ? Choices::Lack::cooling : Choices::Lack::suspended;
    return out;
}

KeyPool::Use::Use(KeyPool& pool, std::string_view id) : pool_(&pool), id_(id) {
    auto entries = pool.entries_.lock();
    ++pool.entry(*entries, id).in_flight;
}

KeyPool::Use::~Use() {
    if (pool_ == nullptr) return;
    auto entries = pool_->entries_.lock();
    --pool_->entry(*entries, id_).in_flight;
}

void KeyPool::cool(const Choice& choice, std::chrono::milliseconds wait, std::string why) {
    auto entries = entries_.lock();
    Entry& known = entry(*entries, choice.id());
    known.last_error = std::move(why);
    if (known.state == KeyState::suspended_auth || known.state == KeyState::suspended_billing)
        return;
    const SteadyTime until = clock_.steady() + wait;
    // The latest deadline wins: a cooling key is never let out early.
    known.until = known.state == KeyState::cooling ? std::max(known.until, until) : until;
    known.state = KeyState::cooling;
}

void KeyPool::suspend(const Choice& choice, KeyState state, std::string why) {
    auto entries = entries_.lock();
    Entry& known = entry(*entries, choice.id());
    known.state = state;
    known.last_error = std::move(why);
}

void KeyPool::note_error(const Choice& choice, std::string why) {
    auto entries = entries_.lock();
    entry(*entries, choice.id()).last_error = std::move(why);
}

void KeyPool::note_success(const Choice& choice) {
    auto entries = entries_.lock();
    Entry& known = entry(*entries, choice.id());
    if (known.state == KeyState::ok && !known.last_error.empty()) known.last_error.clear();
}

void KeyPool::forgive(const Choice& choice) {
    auto entries = entries_.lock();
    Entry& known = entry(*entries, choice.id());
    known.state = KeyState::ok;
    known.last_error.clear();
}

void KeyPool::forgive_all() {
    auto entries = entries_.lock();
    for (auto& [id, known] : *entries) known.state = KeyState::ok;
}

std::vector<KeyPool::View> KeyPool::view(const config::Provider& provider) {
    std::vector<View> out;
    const SteadyTime now = clock_.steady();
    auto entries = entries_.lock();
    for (const config::ProviderKey& key : provider.keys) {
        Entry& known = entry(*entries, key.id);
        if (known.state == KeyState::cooling && now >= known.until) known.state = KeyState::ok;
        View view{key.name, known.state, std::nullopt, known.in_flight, known.last_error};
        if (known.state == KeyState::cooling)
            view.until =
                clock_.wall() + std::chrono::ceil<std::chrono::microseconds>(known.until - now);
        out.push_back(std::move(view));
    }
    return out;
}

} // namespace weir::upstream
