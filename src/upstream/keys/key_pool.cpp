#include "upstream/keys/key_pool.h"

#include "base/digest.h"
#include "base/text.h"

#include <algorithm>
#include <fmt/core.h>
#include <functional>
#include <iterator>

namespace weir::upstream {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr milliseconds longest_cooling = 24h * 7;
constexpr milliseconds first_auth_wait = 1min;
constexpr milliseconds longest_auth_wait = 1h;
constexpr milliseconds first_billing_wait = 5min;
constexpr milliseconds longest_billing_wait = 6h;
constexpr milliseconds wait_without_verdict = 5s;
constexpr std::size_t error_bytes = 300;
constexpr std::size_t canary_turns = 20; // one request in so many goes to a canary
constexpr std::int64_t proofs_needed = 10;

bool is_canary(const config::ProviderKey& key) {
    return key.trust == config::ProviderKey::Trust::canary;
}

bool is_suspended(KeyState state) {
    return state == KeyState::suspended_auth || state == KeyState::suspended_billing;
}

milliseconds wait_of(KeyState state, std::uint32_t refusals) {
    const bool money = state == KeyState::suspended_billing;
    const auto first = money ? first_billing_wait : first_auth_wait;
    const auto longest = money ? longest_billing_wait : longest_auth_wait;
    const std::uint32_t doublings = std::min(refusals == 0 ? 0U : refusals - 1, 10U);
    return std::min<milliseconds>(first * (std::int64_t{1} << doublings), longest);
}

std::string fingerprint_of(const config::ProviderKey& key) {
    const Digest digest = keyed_digest("", key.value.reveal());
    return fmt::format("{:02x}{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2], digest[3]);
}

} // namespace

std::string_view name(KeyState state) {
    switch (state) {
    case KeyState::ok: return "ok";
    case KeyState::cooling: return "cooling";
    case KeyState::suspended_auth: return "suspended (auth)";
    case KeyState::suspended_billing: return "suspended (billing)";
    case KeyState::half_open: return "half open";
    }
    return "ok";
}

void KeyPool::remember_in(ProviderKeyStore& store, const std::vector<SavedKey>& saved, Tell tell) {
    store_ = &store;
    tell_ = std::move(tell);
    for (const SavedKey& key : saved) saved_.emplace(key.id, key);
}

void KeyPool::tell(const std::string& kind, const std::string& detail) const {
    if (tell_) tell_(kind, detail);
}

KeyPool::Entry& KeyPool::entry(Entries& entries, std::string_view id) {
    const auto found = entries.find(id);
    return found == entries.end() ? entries[std::string(id)] : found->second;
}

template <class Visit>
void KeyPool::each_of_group(Entries& entries, const Choice& choice, Visit visit) {
    if (choice.key == nullptr) return;
    for (const config::ProviderKey& key : choice.provider->keys)
        if (&key == choice.key || key.group == choice.key->group)
            visit(key, entry(entries, key.id));
}

void KeyPool::save(const config::ProviderKey& key, const Entry& known) {
    if (store_ == nullptr) return;
    SavedKey out;
    out.id = key.id;
    out.fingerprint = fingerprint_of(key);
    out.state = known.state;
    out.until =
        clock_.wall() + std::chrono::ceil<std::chrono::microseconds>(known.until - clock_.steady());
    out.refusals = known.refusals;
    out.last_error = known.last_error;
    store_->save_provider_key(std::move(out));
}

KeyPool::Turn KeyPool::turn_of(const config::Provider& provider) {
    Turn out;
    if (provider.keys.size() < 2) return out;
    // Each key stands in the cycle as often as it weighs, a canary not at all.
    const auto weight = [](const config::ProviderKey& key) {
        return is_canary(key) ? 0 : key.weight;
    };
    std::int64_t weights = 0;
    for (const config::ProviderKey& key : provider.keys) {
        weights += weight(key);
        out.canaries = out.canaries || is_canary(key);
    }
    {
        auto turns = turns_.lock();
        out.number = (*turns)[provider.name]++;
    }
    if (weights == 0) return out;
    auto point = static_cast<std::int64_t>(out.number % static_cast<std::size_t>(weights));
    while (point >= weight(provider.keys[out.first])) point -= weight(provider.keys[out.first++]);
    return out;
}

KeyPool::Choices KeyPool::choose(const config::Provider& provider) {
    Choices out;
    if (provider.keys.empty()) {
        out.keys.push_back({&provider, nullptr});
        return out;
    }
    const Turn turn = turn_of(provider);
    const std::size_t first = turn.first;
    const SteadyTime now = clock_.steady();
    auto entries = entries_.lock();
    for (std::size_t i = 0; i < provider.keys.size(); ++i) {
        const config::ProviderKey& key = provider.keys[(first + i) % provider.keys.size()];
        if (!entries->contains(key.id)) {
            const auto saved = saved_.find(key.id);
            if (saved != saved_.end() && saved->second.fingerprint == fingerprint_of(key)) {
                Entry& known = (*entries)[key.id];
                known.state = saved->second.state;
                known.until = now + std::max(saved->second.until - clock_.wall(),
                                             std::chrono::microseconds(0));
                known.refusals = saved->second.refusals;
                known.last_error = saved->second.last_error;
            }
        }
        Entry& known = entry(*entries, key.id);
        const bool over = now >= known.until;
        if (known.state == KeyState::cooling && over) known.state = KeyState::ok;
        if (known.state == KeyState::ok) {
            out.keys.push_back({&provider, &key});
        } else if (is_suspended(known.state) && over) {
            // It is tried again, by one request that has others to fall back to.
            out.keys.insert(out.keys.begin(), {&provider, &key});
        } else if (known.state == KeyState::cooling) {
            const auto left = std::chrono::ceil<milliseconds>(known.until - now);
            out.ready_in = out.ready_in ? std::min(*out.ready_in, left) : left;
        }
    }
    if (turn.canaries) {
        const auto is_first = [&](const Choice& choice) {
            return is_canary(*choice.key) == (turn.number % canary_turns == 0);
        };
        std::vector<Choice> ordered;
        std::ranges::copy_if(out.keys, std::back_inserter(ordered), is_first);
        std::ranges::copy_if(out.keys, std::back_inserter(ordered), std::not_fn(is_first));
        out.keys = std::move(ordered);
    }
    if (out.keys.empty())
        out.lack = out.ready_in ? Choices::Lack::cooling : Choices::Lack::suspended;
    return out;
}

bool KeyPool::may_ask(const Choice& choice) {
    if (choice.key == nullptr) return true;
    auto entries = entries_.lock();
    const Entry& known = entry(*entries, choice.id());
    if (known.state == KeyState::ok) return true;
    return known.state != KeyState::half_open && clock_.steady() >= known.until;
}

KeyPool::Use::Use(KeyPool& pool, const Choice& choice) : pool_(&pool), choice_(choice) {
    auto entries = pool.entries_.lock();
    Entry& known = pool.entry(*entries, choice.id());
    ++known.in_flight;
    if (is_suspended(known.state) && pool.clock_.steady() >= known.until) {
        known.suspended_as = known.state;
        known.state = KeyState::half_open;
    }
}

KeyPool::Use::~Use() {
    if (pool_ == nullptr) return;
    auto entries = pool_->entries_.lock();
    Entry& known = pool_->entry(*entries, choice_.id());
    --known.in_flight;
    if (known.state == KeyState::half_open && known.in_flight == 0) {
        known.state = known.suspended_as;
        known.until = pool_->clock_.steady() + wait_without_verdict;
    }
}

void KeyPool::cool(const Choice& choice, milliseconds wait, std::string why) {
    why = clip(why, error_bytes);
    auto entries = entries_.lock();
    const SteadyTime until = clock_.steady() + std::min(wait, longest_cooling);
    each_of_group(*entries, choice, [&](const config::ProviderKey& key, Entry& known) {
        known.last_error = why;
        if (is_suspended(known.state)) return;
        // The latest deadline wins: a cooling key is never let out early.
        known.until = known.state == KeyState::cooling ? std::max(known.until, until) : until;
        known.state = KeyState::cooling;
        // A short rest is over before a restart would be.
        if (wait >= 5s) save(key, known);
    });
}

void KeyPool::suspend(const Choice& choice, KeyState state, std::string why) {
    why = clip(why, error_bytes);
    std::vector<std::string> told;
    {
        auto entries = entries_.lock();
        const SteadyTime now = clock_.steady();
        each_of_group(*entries, choice, [&](const config::ProviderKey& key, Entry& known) {
            if (state == KeyState::suspended_auth && &key != choice.key) return;
            if (!is_suspended(known.state) && known.state != KeyState::half_open)
                told.push_back(key.id);
            ++known.refusals;
            known.proofs = 0;
            known.state = state;
            known.until = now + wait_of(state, known.refusals);
            known.last_error = why;
            save(key, known);
        });
    }
    for (const std::string& id : told)
        tell("provider_key_suspended", fmt::format("{}: {}: {}", id, name(state), why));
    if (choice.key != nullptr && is_canary(*choice.key) && judge_)
        judge_(choice.key->id, CanaryVerdict::refused);
}

void KeyPool::note_error(const Choice& choice, std::string why) {
    auto entries = entries_.lock();
    entry(*entries, choice.id()).last_error = clip(why, error_bytes);
}

void KeyPool::note_success(const Choice& choice) {
    if (choice.key != nullptr && is_canary(*choice.key)) note_proof(*choice.key);
    bool back = false;
    {
        auto entries = entries_.lock();
        Entry& known = entry(*entries, choice.id());
        if (known.state == KeyState::ok && known.last_error.empty()) return;
        back = known.state == KeyState::half_open || is_suspended(known.state);
        if (known.state == KeyState::cooling) return;
        known.state = KeyState::ok;
        known.refusals = 0;
        known.last_error.clear();
        if (back && choice.key != nullptr) save(*choice.key, known);
    }
    if (back) tell("provider_key_restored", std::string(choice.id()) + ": works again");
}

void KeyPool::note_proof(const config::ProviderKey& key) {
    {
        auto entries = entries_.lock();
        Entry& known = entry(*entries, key.id);
        if (++known.proofs < proofs_needed) return;
        known.proofs = 0;
    }
    if (judge_) judge_(key.id, CanaryVerdict::proven);
    tell("provider_key_proven", key.id + ": is active now");
}

void KeyPool::forget(std::string_view id) {
    auto entries = entries_.lock();
    if (const auto found = entries->find(id); found != entries->end()) {
        const std::int64_t running = found->second.in_flight;
        found->second = {};
        found->second.in_flight = running;
    }
}

std::int64_t KeyPool::in_flight(std::string_view id) {
    auto entries = entries_.lock();
    const auto found = entries->find(id);
    return found == entries->end() ? 0 : found->second.in_flight;
}

void KeyPool::forgive(const Choice& choice) {
    auto entries = entries_.lock();
    Entry& known = entry(*entries, choice.id());
    // What is asked to wait still waits.
    if (known.state == KeyState::cooling) return;
    const bool was = known.state != KeyState::ok;
    known.state = KeyState::ok;
    known.refusals = 0;
    known.last_error.clear();
    if (was && choice.key != nullptr) save(*choice.key, known);
}

void KeyPool::forgive_all() {
    auto entries = entries_.lock();
    for (auto& [id, known] : *entries) {
        if (is_suspended(known.state)) known.state = KeyState::ok;
        known.refusals = 0;
    }
}

std::vector<KeyPool::View> KeyPool::view(const config::Provider& provider) {
    std::vector<View> out;
    (void)choose(provider); // what is over is over
    const SteadyTime now = clock_.steady();
    auto entries = entries_.lock();
    for (const config::ProviderKey& key : provider.keys) {
        const Entry& known = entry(*entries, key.id);
        View view{key.name,        known.state,      std::nullopt,
                  known.in_flight, known.last_error, is_canary(key)};
        if (known.state == KeyState::cooling || is_suspended(known.state))
            view.until = clock_.wall() + std::chrono::ceil<std::chrono::microseconds>(
                                             std::max(known.until - now, SteadyTime::duration(0)));
        out.push_back(std::move(view));
    }
    return out;
}

} // namespace weir::upstream
