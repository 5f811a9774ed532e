#include "config/known_providers.h"

#include <algorithm>
#include <array>

namespace weir::config {
namespace {

struct Known {
    std::string_view variable;
    std::string_view name;
    Dialect dialect;
    std::string_view base_url;
    std::string_view fast;
    std::string_view balanced;
    std::string_view smart;
};

// In the order in which the aliases prefer them.
constexpr std::array<Known, 7> known{{
    {"OPENAI_API_KEY", "openai", Dialect::openai, "https://api.openai.com/v1", "gpt-4.1-nano",
     "gpt-4.1-mini", "gpt-4.1"},
    {"ANTHROPIC_API_KEY", "anthropic", Dialect::anthropic, "https://api.anthropic.com/v1",
     "claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5"},
    {"GEMINI_API_KEY", "gemini", Dialect::gemini,
     "https://generativelanguage.googleapis.com/v1beta", "gemini-2.5-flash-lite",
     "gemini-2.5-flash", "gemini-2.5-pro"},
    {"GROQ_API_KEY", "groq", Dialect::openai, "https://api.groq.com/openai/v1",
     "llama-3.1-8b-instant", "llama-3.3-70b-versatile", "openai/gpt-oss-120b"},
    {"OPENROUTER_API_KEY", "openrouter", Dialect::openai, "https://openrouter.ai/api/v1",
     "openai/gpt-4.1-nano", "openai/gpt-4.1-mini", "openai/gpt-4.1"},
    {"MISTRAL_API_KEY", "mistral", Dialect::openai, "https://api.mistral.ai/v1",
     "ministral-8b-latest", "mistral-small-latest", "mistral-large-latest"},
    {"HF_TOKEN", "huggingface", Dialect::openai, "https://router.huggingface.co/v1",
     "meta-llama/Llama-3.1-8B-Instruct", "meta-llama/Llama-3.3-70B-Instruct",
     "deepseek-ai/DeepSeek-V3"},
}};

constexpr std::array<std::string_view, 3> aliases{"fast", "balanced", "smart"};

void add_model(Config& config, std::string name, std::string_view provider, std::string model) {
    const auto same = [&](const Model& existing) { return existing.name == name; };
    if (std::ranges::any_of(config.models, same)) return;
    Model entry;
    entry.name = std::move(name);
    Target target;
    target.provider = provider;
    target.model = std::move(model);
    entry.targets.push_back(std::move(target));
    config.models.push_back(std::move(entry));
}

} // namespace

Dialect usual_dialect(std::string_view name) {
    if (name == "ollama") return Dialect::ollama;
    const auto found = std::ranges::find(known, name, &Known::name);
    return found == known.end() ? Dialect::openai : found->dialect;
}

std::string usual_base_url(std::string_view name, Dialect dialect) {
    if (dialect == Dialect::ollama) return "http://127.0.0.1:11434";
    // Google serves OpenAI's dialect beside its own.
    if (name == "gemini" && dialect == Dialect::openai)
        return "https://generativelanguage.googleapis.com/v1beta/openai";
    for (const Known& candidate : known) {
        const bool only_one = dialect == Dialect::anthropic || dialect == Dialect::gemini;
        if (only_one ? candidate.dialect == dialect : candidate.name == name)
            return std::string(candidate.base_url);
    }
    return {};
}

void add_from_environment(Config& config, const Environment& environment) {
    for (const Known& candidate : known) {
        auto credential = environment(std::string(candidate.variable));
        if (!credential) continue;
        Provider provider;
        provider.name = candidate.name;
        provider.dialect = candidate.dialect;
        provider.base_url = candidate.base_url;
        ProviderKey key;
        key.name = key.group = candidate.variable;
        key.id = provider.name + "/" + key.name;
        key.value = Secret(*std::move(credential));
        provider.keys.push_back(std::move(key));
        config.origins.push_back({"providers." + provider.name, provider.base_url, "environment"});
        config.providers.push_back(std::move(provider));
        add_model(config, "fast", candidate.name, std::string(candidate.fast));
        add_model(config, "balanced", candidate.name, std::string(candidate.balanced));
        add_model(config, "smart", candidate.name, std::string(candidate.smart));
        add_model(config, std::string(candidate.name) + "/*", candidate.name, "*");
    }
}

void add_local(Config& config, const std::string& name, Dialect dialect,
               const std::string& base_url, const std::vector<std::string>& models) {
    Provider provider;
    provider.name = name;
    provider.dialect = dialect;
    provider.base_url = base_url;
    config.origins.push_back({"providers." + name, base_url, "found on this machine"});
    config.providers.push_back(std::move(provider));
    for (const std::string& model : models) add_model(config, model, name, model);
    add_model(config, name + "/*", name, "*");
    if (models.empty()) return;
    for (const std::string_view alias : aliases)
        add_model(config, std::string(alias), name, models.front());
}

void complete(Config& config) {
    if (config.models.empty()) {
        Provider demo;
        demo.name = "demo";
        demo.dialect = Dialect::demo;
        config.origins.push_back({"providers.demo", "built in", "default"});
        if (config.find_provider("demo") == nullptr) config.providers.push_back(std::move(demo));
        add_model(config, "demo", "demo", "demo");
    }
    // An alias that nobody named is the first model that can be asked for by its name.
    const auto plain =
        std::ranges::find_if(config.models, [](const Model& m) { return !m.is_pattern(); });
    const Model first = plain == config.models.end() ? config.models.front() : *plain;
    for (const std::string_view alias : aliases) {
        if (std::ranges::any_of(config.models, [&](const Model& m) { return m.name == alias; }))
            continue;
        Model entry = first;
        entry.name = alias;
        for (Target& target : entry.targets)
            if (target.model == "*") target.model = alias;
        config.models.push_back(std::move(entry));
    }
}

} // namespace weir::config
