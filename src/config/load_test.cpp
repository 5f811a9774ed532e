#include "config/load.h"

#include "config/known_providers.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace weir::config {
namespace {

Environment with(std::map<std::string, std::string> variables) {
    return
        [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
            const auto found = variables.find(name);
            return found == variables.end() ? std::nullopt : std::optional(found->second);
        };
}

std::vector<std::string> faults(const std::string& text) {
    const auto loaded = load("weir.yaml", text, with({}));
    return loaded ? std::vector<std::string>{} : loaded.error().faults;
}

TEST(Load, an_empty_file_gives_the_documented_defaults) {
    const auto config = load("weir.yaml", "", with({}));
    ASSERT_TRUE(config);
    EXPECT_EQ(config->listen, "127.0.0.1:8000");
    EXPECT_EQ(config->limits.per_ip.text(), "120/min burst 30");
    EXPECT_EQ(config->limits.concurrent_per_key, 256);
    EXPECT_EQ(config->durability, Durability::power);
}

TEST(Load, the_example_of_the_documentation_is_understood) {
    const auto config = load("weir.yaml", R"(
providers:
  openai:
    base_url: https://api.openai.com/v1
    keys:
      - ${A}
      - {name: second, value: "${B}", group: org-b, weight: 2}
    timeouts: {connect: 3s, idle: 120s}
models:
  fast:
    targets:
      - {provider: openai, model: gpt-4o-mini, tier: 2, price: {input: 0.15, output: 0.60}}
    max_output_tokens: 100
  "openai/*":
    targets: [{provider: openai, model: "*", price: {input: 1, output: 2}}]
quota:
  user: [{requests: 50, per: day}, {usd: 1.5, per: month}]
limits: {per_key: off, per_ip: 10/s hard, concurrent_per_key: off}
)",
                             with({{"A", "ka"}, {"B", "kb"}}));
    ASSERT_TRUE(config) << config.error().faults.front();
    ASSERT_EQ(config->providers.size(), 1u);
    EXPECT_EQ(config->providers[0].keys[0].value.reveal(), "ka");
    EXPECT_EQ(config->providers[0].keys[1].group, "org-b");
    ASSERT_EQ(config->models.size(), 2u);
    EXPECT_EQ(config->models[0].targets[0].price->input, 150'000);
    EXPECT_EQ(config->models[0].targets[0].price->reasoning, 600'000);
    EXPECT_EQ(config->quota.user[1].limit, 1'500'000'000);
    EXPECT_TRUE(config->limits.per_key.off());
    EXPECT_EQ(config->limits.concurrent_per_key, 0);
    for (const Shown& shown : config->origins) EXPECT_EQ(shown.value.find("ka"), std::string::npos);
}

TEST(Load, every_fault_is_reported_with_its_place) {
    const auto found =
        faults("listen: 1\nnonsense: 2\nlimits:\n  per_key: fast\n  body_bytes: -1\n");
    ASSERT_EQ(found.size(), 4u);
    EXPECT_NE(
        std::ranges::find_if(
            found, [](auto& f) { return f.starts_with("weir.yaml:1:9: listen: '1' is not"); }),
        found.end());
    EXPECT_NE(std::ranges::find_if(
                  found, [](auto& f) { return f.starts_with("weir.yaml:2:1: unknown key"); }),
              found.end());
    EXPECT_NE(std::ranges::find_if(
                  found, [](auto& f) { return f.starts_with("weir.yaml:4:12: limits.per_key"); }),
              found.end());
}

TEST(Load, what_is_not_built_refuses_and_says_so) {
    for (const std::string& text :
         {"store: postgres://h/d", "shared: redis://h", "alerts: {webhooks: []}",
          "models: {m: {targets: [{provider: p}], cache: {ttl: 1h}}}", "metrics: {public: true}"}) {
        const auto found = faults(text);
        ASSERT_FALSE(found.empty()) << text;
        EXPECT_NE(found.front().find("not built yet"), std::string::npos) << found.front();
    }
    EXPECT_TRUE(faults("store: sqlite\nshared: none").empty());
}

TEST(Load, hostile_files_are_faults_and_nothing_worse) {
    for (const std::string& text :
         {std::string("["), std::string("{a: b: c}"), std::string("listen: [1]"),
          std::string("- a\n- b"), std::string("providers: 3"), std::string("models: {m: 3}"),
          std::string("? [a]\n: b"), std::string("&a [*a]"), std::string(100'000, '['),
          std::string("listen: ${NOPE}"), std::string("listen: ${"),
          std::string("listen: a\nlisten: b"), std::string("\xff\xfe"),
          std::string("quota: {user: [{requests: 1, tokens: 2}]}"),
          std::string("quota: {user: [{requests: -1}]}"),
          std::string("models: {m: {targets: [{provider: nobody}]}}"), std::string("workers: 0"),
          std::string("tls: {certificate: x}"), std::string("trusted_proxies: [300.0.0.0/8]")})
        EXPECT_FALSE(faults(text).empty()) << text.substr(0, 40);
}

TEST(Load, a_dollar_budget_over_an_unpriced_target_refuses) {
    const std::string base =
        "providers: {p: {base_url: http://h}}\nmodels: {m: {targets: [{provider: p}]}}\n";
    EXPECT_TRUE(faults(base + "quota: {user: [{requests: 5}]}").empty());
    EXPECT_FALSE(faults(base + "quota: {user: [{usd: 5}]}").empty());
}

TEST(KnownProviders, the_three_aliases_always_resolve) {
    for (const auto& variables : {std::map<std::string, std::string>{},
                                  {{"GROQ_API_KEY", "k"}},
                                  {{"OPENAI_API_KEY", "k"}, {"HF_TOKEN", "t"}}}) {
        auto config = load("", "", with(variables));
        ASSERT_TRUE(config);
        complete(*config);
        for (const std::string alias : {"fast", "balanced", "smart"})
            EXPECT_TRUE(
                std::ranges::any_of(config->models, [&](auto& m) { return m.name == alias; }));
        for (const Model& model : config->models)
            EXPECT_NE(config->find_provider(model.targets.front().provider), nullptr);
    }
}

TEST(Schema, is_json_and_names_the_sections) {
    const std::string text = schema();
    for (const std::string name :
         {"\"providers\"", "\"first_event\"", "\"per_key\"", "\"durability\""})
        EXPECT_NE(text.find(name), std::string::npos) << name;
}

} // namespace
} // namespace weir::config
