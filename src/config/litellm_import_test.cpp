#include "config/litellm_import.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace weir::config {
namespace {

// What is printed is a configuration, whatever its variables hold.
Config made_from(const std::string& text, std::vector<std::string>* left_out = nullptr) {
    auto imported = import_litellm("config.yaml", text);
    EXPECT_TRUE(imported);
    if (!imported) return {};
    if (left_out != nullptr) *left_out = imported->left_out;
    const Environment any = [](const std::string& name) { return "value of " + name; };
    auto config = load("weir.yaml", imported->yaml, any);
    EXPECT_TRUE(config) << imported->yaml << (config ? "" : config.error().faults.front());
    return config ? *std::move(config) : Config();
}

const Model& model(const Config& config, std::string_view name) {
    static const Model none;
    const auto found = std::ranges::find(config.models, name, &Model::name);
    EXPECT_NE(found, config.models.end()) << name;
    return found == config.models.end() ? none : *found;
}

bool names(const std::vector<std::string>& left_out, std::string_view path) {
    return std::ranges::any_of(left_out, [&](const std::string& what) {
        return what.starts_with(std::string(path) + ": ");
    });
}

constexpr const char* usual = R"(
environment_variables: {OPENAI_API_KEY: sk-written-out}
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: azure/my-deployment
      api_base: https://eu.openai.azure.com/
      api_key: os.environ/AZURE_KEY_EU
      api_version: "2024-08-01-preview"
      rpm: 6
    model_info: {mode: chat, max_input_tokens: 128000, input_cost_per_token: 0.0000025,
                 output_cost_per_token: 0.00001}
  - model_name: gpt-4o
    litellm_params: {model: gpt-4o, weight: 3, order: 2}
  - model_name: claude
    litellm_params: {model: anthropic/claude-haiku-4-5, api_key: sk-ant-a-secret, max_tokens: 2048}
  - model_name: claude-other
    litellm_params: {model: claude-haiku-4-5, api_key: os.environ/SECOND,
                     api_base: "https://gateway.example.com"}
  - model_name: local
    litellm_params: {model: ollama_chat/llama3.2, api_base: "http://127.0.0.1:11434"}
  - model_name: mine
    litellm_params: {model: openai/llama, api_base: "http://10.0.0.7:8000/v1", api_key: none}
  - model_name: "groq/*"
    litellm_params: {model: "groq/*"}
  - model_name: far
    litellm_params: {model: bedrock/anthropic.claude-v2}
litellm_settings:
  drop_params: true
  fallbacks: [{gpt-4o: [claude, nobody]}]
  success_callback: [langfuse]
  max_budget: 100
  budget_duration: 30d
  default_internal_user_params: {max_budget: 2.5, budget_duration: 1d}
router_settings:
  model_group_alias: {gpt-4: gpt-4o}
  default_fallbacks: [local]
general_settings: {master_key: sk-1234}
)";

TEST(LiteLlmImport, takes_models_providers_prices_and_fallbacks_over) {
    const Config config = made_from(usual);
    const Model& both = model(config, "gpt-4o");
    ASSERT_EQ(both.targets.size(), 2u);
    EXPECT_EQ(both.targets[0].provider, "azure");
    EXPECT_EQ(both.targets[0].model, "my-deployment");
    EXPECT_EQ(both.targets[0].context, 128000);
    ASSERT_TRUE(both.targets[0].price);
    EXPECT_EQ(both.targets[0].price->input, 2'500'000);
    EXPECT_EQ(both.targets[0].price->output, 10'000'000);
    EXPECT_EQ(both.targets[1].provider, "openai");
    EXPECT_EQ(both.targets[1].weight, 3);
    EXPECT_EQ(both.targets[1].tier, 2);
    EXPECT_EQ(both.fallback, std::vector<std::string>{"claude"});
    EXPECT_EQ(model(config, "gpt-4").targets.size(), 2u);
    EXPECT_EQ(model(config, "claude").max_output_tokens, 2048);
    EXPECT_EQ(model(config, "claude").fallback, std::vector<std::string>{"local"});
    EXPECT_TRUE(model(config, "local").fallback.empty());
    EXPECT_TRUE(model(config, "groq/*").is_pattern());
    const Provider* const azure = config.find_provider("azure");
    ASSERT_NE(azure, nullptr);
    EXPECT_EQ(azure->dialect, Dialect::azure);
    EXPECT_EQ(azure->api_version, "2024-08-01-preview");
    EXPECT_EQ(azure->keys[0].value.reveal(), "value of AZURE_KEY_EU");
    const Provider* const other = config.find_provider("anthropic-2");
    ASSERT_NE(other, nullptr);
    EXPECT_EQ(other->dialect, Dialect::anthropic);
    EXPECT_EQ(other->base_url, "https://gateway.example.com/v1");
    EXPECT_EQ(config.find_provider("ollama")->dialect, Dialect::ollama);
}

TEST(LiteLlmImport, takes_budgets_over_where_every_target_has_a_price) {
    const std::string models = R"(
model_list:
  - model_name: a
    litellm_params: {model: gpt-4o, input_cost_per_token: 1e-06, output_cost_per_token: 2e-06}
)";
    const std::string budgets = R"(
litellm_settings:
  max_budget: 100
  budget_duration: 30d
  default_internal_user_params: {max_budget: 2.5, budget_duration: 1d}
)";
    const Config config = made_from(models + budgets);
    ASSERT_EQ(config.quota.everyone.size(), 1u);
    EXPECT_EQ(config.quota.everyone[0].limit, 100'000'000'000);
    EXPECT_EQ(config.quota.everyone[0].period, Period::month);
    ASSERT_EQ(config.quota.user.size(), 1u);
    EXPECT_EQ(config.quota.user[0].limit, 2'500'000'000);
    std::vector<std::string> left_out;
    const std::string free = "  - {model_name: b, litellm_params: {model: gpt-4o-mini}}\n";
    EXPECT_TRUE(made_from(models + free + budgets, &left_out).quota.everyone.empty());
    EXPECT_TRUE(names(left_out, "litellm_settings.max_budget"));
}

TEST(LiteLlmImport, names_what_it_leaves_out_and_repeats_no_secret) {
    std::vector<std::string> left_out;
    (void)made_from(usual, &left_out);
    for (const char* const path :
         {"model_list.gpt-4o.rpm", "model_list.far", "model_list.claude", "model_list.mine",
          "litellm_settings.drop_params", "litellm_settings.success_callback",
          "general_settings.master_key", "environment_variables",
          "litellm_settings.fallbacks.gpt-4o"})
        EXPECT_TRUE(names(left_out, path)) << path;
    const auto imported = import_litellm("config.yaml", usual);
    for (const char* const secret : {"sk-written-out", "sk-ant-a-secret", "sk-1234"}) {
        EXPECT_FALSE(imported->yaml.contains(secret));
        for (const std::string& what : left_out) EXPECT_FALSE(what.contains(secret)) << what;
    }
}

TEST(LiteLlmImport, refuses_what_is_no_configuration_and_survives_what_makes_no_sense) {
    for (const char* const text : {"", "[]", "a: b", "model_list: 5", "{", "model_list: {a: b}"})
        EXPECT_FALSE(import_litellm("c", text)) << text;
    for (const char* const text :
         {"model_list: [1, [], {}, {model_name: a}, {model_name: [], litellm_params: {model: x}}]",
          "model_list: [{model_name: \"a*b*\", litellm_params: {model: gpt-4o}}]",
          "model_list: [{model_name: \"x\\ny\", litellm_params: {model: \"gpt-4o\\n- q\"}}]",
          "{model_list: [{model_name: a, litellm_params: {model: gpt-4o, weight: -1, order: 1e9, "
          "input_cost_per_token: .nan, output_cost_per_token: x, max_tokens: 0}}], "
          "litellm_settings: {fallbacks: [1, {a: 2}, {b: [c]}], max_budget: .inf}, "
          "router_settings: [], general_settings: 7}"})
        (void)made_from(text);
}

} // namespace
} // namespace weir::config
