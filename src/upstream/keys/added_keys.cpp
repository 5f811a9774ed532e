#include "upstream/keys/added_keys.h"

#include "base/text.h"

#include <algorithm>
#include <array>
#include <fmt/core.h>

namespace weir::upstream {
namespace {

constexpr std::array<std::string_view, 4> stages{"staged", "canary", "active", "draining"};

bool is_of_file(const config::Config& config, const std::string& id) {
    return std::ranges::any_of(config.providers, [&](const config::Provider& provider) {
        return std::ranges::find(provider.keys, id, &config::ProviderKey::id) !=
               provider.keys.end();
    });
}

Error unknown(const std::string& id) {
    return {Errc::not_found,
            fmt::format("There is no provider key '{}'; see: weir provider list", clip(id, 64))};
}

} // namespace

std::string_view name(KeyStage stage) { return stages[static_cast<std::size_t>(stage)]; }

std::optional<KeyStage> parse_key_stage(std::string_view text) {
    const auto found = std::ranges::find(stages, text);
    if (found == stages.end()) return std::nullopt;
    return static_cast<KeyStage>(found - stages.begin());
}

std::optional<config::ProviderKey> AddedKeys::opened(const AddedKey& key) const {
    auto value = parts_.seal.open(key.sealed, key.id());
    if (!value) return std::nullopt;
    config::ProviderKey out;
    out.name = key.name;
    out.id = key.id();
    out.value = *std::move(value);
    out.group = key.group.empty() ? key.id() : key.group;
    out.weight = key.weight;
    out.trust = key.stage == KeyStage::canary ? config::ProviderKey::Trust::canary
                                              : config::ProviderKey::Trust::full;
    return out;
}

std::vector<std::string> AddedKeys::load(std::vector<AddedKey> keys) {
    std::vector<std::string> locked;
    for (const AddedKey& key : keys)
        if (!opened(key)) locked.push_back(key.id());
    state_.lock()->keys = std::move(keys);
    return locked;
}

Result<std::shared_ptr<const Routes>> AddedKeys::routes_of(const State& state) const {
    const bool any = std::ranges::any_of(state.keys, [](const AddedKey& key) {
        return key.stage == KeyStage::canary || key.stage == KeyStage::active;
    });
    if (!any) return Routes::create(state.config);
    auto with = std::make_shared<config::Config>(*state.config);
    for (const AddedKey& key : state.keys) {
        if (key.stage != KeyStage::canary && key.stage != KeyStage::active) continue;
        const auto provider =
            std::ranges::find(with->providers, key.provider, &config::Provider::name);
        auto open = opened(key);
        if (provider == with->providers.end() || !open || is_of_file(*with, open->id)) continue;
        provider->keys.push_back(*std::move(open));
    }
    return Routes::create(std::move(with));
}

Result<void> AddedKeys::renew(State& state) {
    WEIR_TRY(auto routes, routes_of(state));
    parts_.set_routes(std::move(routes));
    return {};
}

Result<void> AddedKeys::set_config(std::shared_ptr<const config::Config> config) {
    auto state = state_.lock();
    State wanted{std::move(config), state->keys};
    WEIR_CHECK(renew(wanted));
    *state = std::move(wanted);
    return {};
}

Result<AddedKey> AddedKeys::find(const std::string& id) const {
    auto state = state_.lock();
    const auto found = std::ranges::find(state->keys, id, &AddedKey::id);
    if (found != state->keys.end()) return *found;
    if (is_of_file(*state->config, id))
        return refuse(Errc::set_by_file,
                      fmt::format("The key '{}' stands in the configuration file: change it there "
                                  "and reload.",
                                  clip(id, 64)));
    return refuse(unknown(id));
}

net::Task<Result<AddedKey>> AddedKeys::add(net::Loop& loop, NewKey wanted) {
    AddedKey key{wanted.provider,     wanted.name, wanted.group, wanted.weight, wanted.stage,
                 parts_.clock.wall(), {}};
    key.sealed = parts_.seal.seal(wanted.value, key.id(), parts_.random);
    {
        // Its name is taken from here on, also before it is stored.
        auto state = state_.lock();
        if (state->config->find_provider(key.provider) == nullptr)
            co_return refuse(Errc::not_found,
                             fmt::format("There is no provider '{}'; see: weir provider list",
                                         clip(key.provider, 64)));
        if (is_of_file(*state->config, key.id()) ||
            std::ranges::find(state->keys, key.id(), &AddedKey::id) != state->keys.end())
            co_return refuse(Errc::conflict, fmt::format("There is a key '{}' already.", key.id()));
        AddedKey held = key;
        held.stage = KeyStage::staged;
        state->keys.push_back(std::move(held));
    }
    const auto kept = co_await parts_.store.put_added_key(loop, key);
    auto state = state_.lock();
    const auto place = std::ranges::find(state->keys, key.id(), &AddedKey::id);
    if (!kept) {
        if (place != state->keys.end()) state->keys.erase(place);
        co_return std::unexpected(kept.error());
    }
    if (place != state->keys.end()) *place = key;
    parts_.pool.forget(key.id()); // what was known of another under its name
    CO_CHECK(renew(*state));
    co_return key;
}

net::Task<Result<AddedKey>> AddedKeys::set_stage(net::Loop& loop, std::string id, KeyStage stage) {
    CO_TRY(AddedKey key, find(id));
    key.stage = stage;
    CO_CHECK(co_await parts_.store.put_added_key(loop, key));
    auto state = state_.lock();
    const auto place = std::ranges::find(state->keys, id, &AddedKey::id);
    if (place == state->keys.end()) co_return refuse(unknown(id));
    place->stage = stage;
    CO_CHECK(renew(*state));
    co_return key;
}

net::Task<Result<void>> AddedKeys::revoke(net::Loop& loop, std::string id) {
    CO_CHECK(find(id));
    CO_CHECK(co_await parts_.store.drop_added_key(loop, id));
    auto state = state_.lock();
    std::erase_if(state->keys, [&](const AddedKey& key) { return key.id() == id; });
    co_return renew(*state);
}

void AddedKeys::judge(const std::string& id, CanaryVerdict verdict) {
    auto state = state_.lock();
    const auto place = std::ranges::find(state->keys, id, &AddedKey::id);
    if (place == state->keys.end() || place->stage != KeyStage::canary) return;
    place->stage = verdict == CanaryVerdict::proven ? KeyStage::active : KeyStage::staged;
    parts_.store.note_stage(id, place->stage);
    // Only what was routed before is routed: nothing is left to fail.
    (void)renew(*state);
}

std::vector<AddedKey> AddedKeys::of(std::string_view provider) const {
    auto state = state_.lock();
    std::vector<AddedKey> out;
    std::ranges::copy_if(state->keys, std::back_inserter(out),
                         [&](const AddedKey& key) { return key.provider == provider; });
    return out;
}

} // namespace weir::upstream
