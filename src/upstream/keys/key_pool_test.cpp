#include "upstream/keys/key_pool.h"

#include <gtest/gtest.h>

namespace weir::upstream {
namespace {

using namespace std::chrono_literals;

class HandClock final : public Clock {
public:
    SteadyTime steady() const override { return SteadyTime(passed); }
    WallTime wall() const override {
        return WallTime(1'800'000'000s) + std::chrono::floor<std::chrono::microseconds>(passed);
    }
    std::chrono::nanoseconds passed = 1h;
};

class Memory final : public ProviderKeyStore {
public:
    Result<std::vector<SavedKey>> load_provider_keys() override {
        std::vector<SavedKey> out;
        for (const auto& [id, key] : keys) out.push_back(key);
        return out;
    }
    void save_provider_key(SavedKey key) override { keys.insert_or_assign(key.id, key); }
    std::map<std::string, SavedKey> keys;
};

config::Provider provider_with(std::vector<std::pair<std::string, std::string>> keys) {
    config::Provider out;
    out.name = "p";
    for (auto& [name, group] : keys) {
        config::ProviderKey key;
        key.name = name;
        key.id = "p/" + name;
        key.group = group;
        key.value = Secret("secret-" + name);
        out.keys.push_back(std::move(key));
    }
    return out;
}

KeyPool::Choice choice_of(const config::Provider& provider, std::size_t index) {
    return {&provider, &provider.keys[index]};
}

TEST(KeyPool, a_group_cools_together_and_the_latest_deadline_wins) {
    HandClock clock;
    KeyPool pool(clock);
    const auto provider = provider_with({{"a", "org"}, {"b", "org"}, {"c", "other"}});
    pool.cool(choice_of(provider, 0), 30s, "too fast");
    pool.cool(choice_of(provider, 1), 10s, "too fast");
    ASSERT_EQ(pool.choose(provider).keys.size(), 1u);
    EXPECT_EQ(pool.choose(provider).keys[0].key->name, "c");
    clock.passed += 29s;
    EXPECT_EQ(pool.choose(provider).keys.size(), 1u);
    clock.passed += 1s;
    EXPECT_EQ(pool.choose(provider).keys.size(), 3u);
}

TEST(KeyPool, a_key_that_was_chosen_is_not_asked_once_its_group_rests) {
    HandClock clock;
    KeyPool pool(clock);
    const auto provider = provider_with({{"a", "org"}, {"b", "org"}, {"c", "other"}});
    const auto choices = pool.choose(provider);
    ASSERT_EQ(choices.keys.size(), 3u);
    pool.cool(choice_of(provider, 0), 30s, "too fast");
    EXPECT_FALSE(pool.may_ask(choice_of(provider, 1)));
    EXPECT_TRUE(pool.may_ask(choice_of(provider, 2)));
}

TEST(KeyPool, a_refused_key_is_tried_again_by_one_request_and_comes_back) {
    HandClock clock;
    KeyPool pool(clock);
    const auto provider = provider_with({{"a", "a"}});
    pool.suspend(choice_of(provider, 0), KeyState::suspended_auth, "401");
    EXPECT_EQ(pool.choose(provider).lack, KeyPool::Choices::Lack::suspended);
    clock.passed += 1min;
    ASSERT_EQ(pool.choose(provider).keys.size(), 1u);
    {
        const auto use = pool.use(choice_of(provider, 0));
        EXPECT_EQ(pool.view(provider)[0].state, KeyState::half_open);
        EXPECT_TRUE(pool.choose(provider).keys.empty()) << "a second one asks meanwhile";
        pool.suspend(choice_of(provider, 0), KeyState::suspended_auth, "401 again");
    }
    clock.passed += 1min;
    EXPECT_TRUE(pool.choose(provider).keys.empty()) << "the wait does not grow";
    clock.passed += 1min;
    {
        const auto use = pool.use(pool.choose(provider).keys.at(0));
        pool.note_success(choice_of(provider, 0));
    }
    EXPECT_EQ(pool.view(provider)[0].state, KeyState::ok);
}

TEST(KeyPool, a_try_without_a_verdict_leaves_the_key_suspended) {
    HandClock clock;
    KeyPool pool(clock);
    const auto provider = provider_with({{"a", "a"}});
    pool.suspend(choice_of(provider, 0), KeyState::suspended_auth, "401");
    clock.passed += 1min;
    {
        const auto use = pool.use(choice_of(provider, 0));
    }
    EXPECT_EQ(pool.view(provider)[0].state, KeyState::suspended_auth);
    EXPECT_TRUE(pool.choose(provider).keys.empty());
    clock.passed += 5s;
    EXPECT_EQ(pool.choose(provider).keys.size(), 1u);
}

TEST(KeyPool, no_money_retires_the_group_and_a_bad_key_itself) {
    HandClock clock;
    KeyPool pool(clock);
    const auto provider = provider_with({{"a", "org"}, {"b", "org"}, {"c", "other"}});
    pool.suspend(choice_of(provider, 0), KeyState::suspended_auth, "401");
    EXPECT_EQ(pool.choose(provider).keys.size(), 2u);
    pool.suspend(choice_of(provider, 1), KeyState::suspended_billing, "402");
    ASSERT_EQ(pool.choose(provider).keys.size(), 1u);
    EXPECT_EQ(pool.choose(provider).keys[0].key->name, "c");
}

TEST(KeyPool, states_outlive_a_restart_unless_the_credential_is_another) {
    HandClock clock;
    Memory memory;
    auto provider = provider_with({{"a", "a"}, {"b", "b"}});
    std::vector<std::string> told;
    {
        KeyPool pool(clock);
        pool.remember_in(memory, {}, [&](const std::string& kind, const std::string& detail) {
            told.push_back(kind + " " + detail);
        });
        pool.suspend(choice_of(provider, 0), KeyState::suspended_auth, "401");
        pool.cool(choice_of(provider, 1), 1h, "too fast");
    }
    ASSERT_EQ(told.size(), 1u);
    EXPECT_TRUE(told[0].starts_with("provider_key_suspended p/a"));
    EXPECT_FALSE(told[0].contains("secret-a"));
    {
        KeyPool pool(clock);
        pool.remember_in(memory, *memory.load_provider_keys(), {});
        EXPECT_TRUE(pool.choose(provider).keys.empty());
        clock.passed += 1min;
        EXPECT_EQ(pool.choose(provider).keys.size(), 1u) << "only the refused one is tried again";
    }
    provider.keys[1].value = Secret("another");
    KeyPool pool(clock);
    pool.remember_in(memory, *memory.load_provider_keys(), {});
    EXPECT_EQ(pool.choose(provider).keys.size(), 2u);
}

TEST(KeyPool, a_canary_is_asked_once_in_twenty_and_proves_itself_by_ten_answers) {
    HandClock clock;
    KeyPool pool(clock);
    auto provider = provider_with({{"a", "a"}, {"b", "b"}, {"new", "new"}});
    provider.keys[2].trust = config::ProviderKey::Trust::canary;
    std::vector<std::pair<std::string, CanaryVerdict>> verdicts;
    pool.judge_canaries(
        [&](const std::string& id, CanaryVerdict verdict) { verdicts.emplace_back(id, verdict); });
    std::map<std::string, int> first;
    for (int i = 0; i < 400; ++i) {
        const auto choices = pool.choose(provider);
        ASSERT_EQ(choices.keys.size(), 3u);
        ++first[choices.keys[0].key->name];
        if (choices.keys[0].key->name != "new") EXPECT_EQ(choices.keys[2].key->name, "new");
    }
    EXPECT_EQ(first["new"], 20);
    EXPECT_EQ(first["a"] + first["b"], 380);
    EXPECT_NEAR(first["a"], first["b"], 20);
    for (int i = 0; i < 9; ++i) pool.note_success(choice_of(provider, 2));
    EXPECT_TRUE(verdicts.empty());
    pool.note_success(choice_of(provider, 2));
    ASSERT_EQ(verdicts.size(), 1u);
    EXPECT_EQ(verdicts[0], std::pair(std::string("p/new"), CanaryVerdict::proven));
}

TEST(KeyPool, a_canary_that_is_refused_goes_back_and_its_answers_do_not_count) {
    HandClock clock;
    KeyPool pool(clock);
    auto provider = provider_with({{"a", "a"}, {"new", "new"}});
    provider.keys[1].trust = config::ProviderKey::Trust::canary;
    std::vector<CanaryVerdict> verdicts;
    pool.judge_canaries(
        [&](const std::string&, CanaryVerdict verdict) { verdicts.push_back(verdict); });
    for (int i = 0; i < 9; ++i) pool.note_success(choice_of(provider, 1));
    pool.suspend(choice_of(provider, 1), KeyState::suspended_auth, "no");
    EXPECT_EQ(verdicts, std::vector{CanaryVerdict::refused});
    pool.note_success(choice_of(provider, 1));
    EXPECT_EQ(verdicts.size(), 1u);
    pool.forget("p/new");
    EXPECT_EQ(pool.view(provider)[1].state, KeyState::ok);
}

} // namespace
} // namespace weir::upstream
