// What it costs to choose a target and a key. The limit is 2 us.

#include "upstream/keys/key_pool.h"
#include "upstream/targets.h"

#include <benchmark/benchmark.h>

namespace weir::upstream {
namespace {

class HandClock final : public Clock {
public:
    SteadyTime steady() const override { return SteadyTime(std::chrono::hours(1)); }
    WallTime wall() const override { return {}; }
};

void choose(benchmark::State& state) {
    const HandClock clock;
    Targets targets(clock);
    KeyPool keys(clock);
    config::Config config;
    config::Model model;
    const auto count = static_cast<std::size_t>(state.range(0));
    for (std::size_t i = 0; i < count; ++i) {
        config::Provider provider;
        provider.name = "provider-" + std::to_string(i);
        for (const char* const name : {"one", "two", "three"}) {
            config::ProviderKey key;
            key.name = key.group = name;
            key.id = provider.name + "/" + name;
            provider.keys.push_back(key);
        }
        config.providers.push_back(provider);
        config::Target target;
        target.provider = provider.name;
        target.model = "some-model-of-it";
        model.targets.push_back(target);
    }
    Route route;
    for (std::size_t i = 0; i < count; ++i)
        route.candidates.push_back(
            {&config.providers[i], &model.targets[i], nullptr, model.targets[i].model, false});
    const auto request =
        *chat::parse(R"({"model":"m","messages":[{"role":"user","content":"hello"}]})");
    for (const Candidate& candidate : route.candidates)
        Targets::Use(targets, candidate, "one").succeeded();
    for (auto _ : state) {
        const auto order = targets.order(route, request);
        const auto choices = keys.choose(*order->front()->provider);
        benchmark::DoNotOptimize(choices);
    }
}
BENCHMARK(choose)->ArgName("targets")->Arg(1)->Arg(3)->Arg(10);

} // namespace
} // namespace weir::upstream
