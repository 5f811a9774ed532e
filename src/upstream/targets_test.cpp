// The choice of targets and keys against ten simulated providers with limits, latencies and
// brownouts, on a clock of its own.

#include "upstream/keys/key_pool.h"
#include "upstream/retry_budget.h"
#include "upstream/targets.h"

#include <gtest/gtest.h>
#include <random>

namespace weir::upstream {
namespace {

using namespace std::chrono_literals;

class HandClock final : public Clock {
public:
    SteadyTime steady() const override { return SteadyTime(passed); }
    WallTime wall() const override { return {}; }
    std::chrono::nanoseconds passed = 1h;
};

chat::ChatRequest request(const std::string& prompt = "hi", const std::string& more = "") {
    return *chat::parse(R"({"model":"m","messages":[{"role":"user","content":")" + prompt +
                        R"("}])" + more + "}");
}

// Providers that answer, are too fast for, or are down.
class World {
public:
    explicit World(std::size_t providers, std::uint64_t seed = 1) : chance_(seed) {
        for (std::size_t i = 0; i < providers; ++i) {
            config::Provider provider;
            provider.name = "p" + std::to_string(i);
            config::ProviderKey key;
            key.name = key.group = "k";
            key.id = provider.name + "/k";
            provider.keys.push_back(key);
            config_.providers.push_back(provider);
            config::Target target;
            target.provider = provider.name;
            target.model = "m";
            model_.targets.push_back(target);
        }
        up.assign(providers, true);
        requests_a_second.assign(providers, 1'000'000);
        latency.assign(providers, 100ms);
        asked.assign(providers, 0);
        resting_until_.assign(providers, SteadyTime());
        served_.assign(providers, 0);
        for (std::size_t i = 0; i < providers; ++i)
            route.candidates.push_back(
                {&config_.providers[i], &model_.targets[i], nullptr, "m", false});
    }

    // One request as Upstream::open makes it; whether it was answered.
    bool ask(const chat::ChatRequest& what) {
        budget.request();
        const auto order = targets.order(route, what);
        if (!order) return false;
        int tries = 0;
        for (const Candidate* const candidate : *order) {
            for (const KeyPool::Choice& key : keys.choose(*candidate->provider).keys) {
                if (tries >= 3) return false;
                if (route.candidates.size() > 1 && !targets.admits(*candidate, key.group()))
                    continue;
                if (tries > 0 && !budget.take()) return false;
                const auto index = static_cast<std::size_t>(candidate - route.candidates.data());
                const auto use = keys.use(key);
                Targets::Use visit(targets, *candidate, key.group());
                ++attempts;
                ++asked[index];
                EXPECT_GE(clock.steady(), resting_until_[index]) << "asked before its time";
                if (!up[index]) {
                    ++tries;
                    visit.failed();
                    break;
                }
                if (++served_[index] > requests_a_second[index]) {
                    resting_until_[index] = clock.steady() + 2s;
                    keys.cool(key, 2s, "too fast");
                    continue;
                }
                clock.passed += std::chrono::nanoseconds(latency[index]) / 1000; // many at once
                visit.succeeded();
                keys.note_success(key);
                return true;
            }
        }
        return false;
    }
    void second() {
        clock.passed += 1s;
        std::ranges::fill(served_, 0);
    }

    HandClock clock;
    KeyPool keys{clock};
    Targets targets{clock};
    RetryBudget budget{clock};
    Route route;
    std::vector<bool> up;
    std::vector<int> requests_a_second;
    std::vector<std::chrono::milliseconds> latency;
    std::vector<int> asked;
    int attempts = 0;

private:
    config::Config config_;
    config::Model model_;
    std::vector<SteadyTime> resting_until_;
    std::vector<int> served_;
    std::mt19937_64 chance_;
};

TEST(Targets, nobody_is_asked_before_its_time_and_nearly_all_is_answered) {
    World world(10);
    for (std::size_t i = 0; i < 10; ++i) world.requests_a_second[i] = 20 + static_cast<int>(i) * 10;
    std::mt19937_64 chance(7);
    int answered = 0;
    int all = 0;
    const auto what = request();
    for (int second = 0; second < 300; ++second) {
        if (second % 20 == 0) world.up[chance() % 10] = false; // a brownout
        if (second % 20 == 10) world.up.assign(10, true);
        for (int i = 0; i < 200; ++i, ++all) answered += world.ask(what) ? 1 : 0;
        world.second();
    }
    EXPECT_GE(answered, all * 999 / 1000) << answered << " of " << all;
}

TEST(Targets, one_of_three_down_leaves_nearly_all_answered) {
    World world(3);
    world.up[1] = false;
    const auto what = request();
    int answered = 0;
    for (int i = 0; i < 20'000; ++i) {
        answered += world.ask(what) ? 1 : 0;
        if (i % 100 == 0) world.second();
    }
    EXPECT_GE(answered, 19'980);
    EXPECT_LE(world.asked[1], 200) << "a dead provider is asked again and again";
}

TEST(Targets, a_total_outage_is_not_made_worse) {
    World world(3);
    world.up.assign(3, false);
    const auto what = request();
    for (int i = 0; i < 5'000; ++i) {
        EXPECT_FALSE(world.ask(what));
        if (i % 100 == 0) world.second();
    }
    EXPECT_LE(world.attempts, 5'500) << "more than 1.1 tries a request";
}

TEST(Targets, a_provider_that_is_well_again_gets_its_share_back) {
    World world(2);
    world.up[0] = false;
    const auto what = request();
    for (int i = 0; i < 1'000; ++i) (void)world.ask(what);
    world.up[0] = true;
    for (int i = 0; i < 90; ++i) {
        world.second();
        for (int j = 0; j < 20; ++j) (void)world.ask(what);
    }
    world.asked.assign(2, 0);
    for (int i = 0; i < 1'000; ++i) (void)world.ask(what);
    EXPECT_NEAR(world.asked[0], 500, 60);
}

TEST(Targets, a_slow_target_is_passed_over_and_tried_again_later) {
    World world(2);
    world.latency[0] = 5'000'000ms; // 5 s, as the simulation divides
    const auto what = request();
    for (int i = 0; i < 400; ++i) (void)world.ask(what);
    EXPECT_LT(world.asked[0], 40);
    EXPECT_GE(world.asked[0], 3);
}

TEST(Targets, long_prompts_stay_where_their_beginning_was_read) {
    World world(4);
    const std::string beginning(8'000, 'x');
    std::size_t moved = 0;
    const auto order = world.targets.order(world.route, request(beginning + " one"));
    for (int i = 0; i < 50; ++i) {
        (void)world.targets.order(world.route, request());
        const auto again =
            world.targets.order(world.route, request(beginning + " " + std::to_string(i)));
        moved += again->front() == order->front() ? 0 : 1;
    }
    EXPECT_EQ(moved, 0u);
}

TEST(Targets, weights_are_shares) {
    World world(2);
    const_cast<config::Target*>(world.route.candidates[0].target)->weight = 3;
    const auto what = request();
    for (int i = 0; i < 400; ++i) (void)world.ask(what);
    EXPECT_EQ(world.asked[0], 300);
    EXPECT_EQ(world.asked[1], 100);
}

TEST(Targets, what_a_target_cannot_do_goes_elsewhere_or_is_refused) {
    World world(2);
    const_cast<config::Target*>(world.route.candidates[0].target)->features = {"json"};
    const auto tools = request("hi", R"(,"tools":[{"type":"function","function":{"name":"f"}}])");
    const auto order = world.targets.order(world.route, tools);
    ASSERT_TRUE(order);
    ASSERT_EQ(order->size(), 1u);
    EXPECT_EQ(order->front(), &world.route.candidates[1]);
    const_cast<config::Target*>(world.route.candidates[1].target)->context = 10;
    const auto refused =
        world.targets.order(world.route, request(std::string(100, 'x'), R"(,"tools":[{}])"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::invalid_value);
}

} // namespace
} // namespace weir::upstream
