#include "config/litellm_import.h"

#include "base/text.h"
#include "config/known_providers.h"
#include "config/litellm_providers.h"
#include "config/yaml_text.h"
#include "json/writer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/core.h>
#include <map>
#include <optional>

namespace weir::config {
namespace {

constexpr std::size_t name_bytes = 128;
constexpr std::size_t left_out_most = 500;
constexpr std::size_t fallbacks_most = 32;            // of one model
constexpr std::size_t alias_bytes_most = 1024 * 1024; // of what aliases repeat

struct Provider {
    std::string name;
    std::string prefix; // LiteLLM's
    std::string dialect;
    std::string base_url;
    std::string key; // "${NAME}", or empty
    std::string api_version;
};

struct Model {
    std::string name;
    std::vector<std::string> targets;
    std::vector<std::string> fallback;
    std::string max_output_tokens;
};

// What Weir does instead, where there is something to say.
struct Hint {
    std::string_view path;
    std::string_view words;
};
constexpr std::array<Hint, 16> hints{{
    {"general_settings.master_key", "keys are made with: weir key create"},
    {"general_settings.database_url", "Weir keeps everything in its data_dir"},
    {"general_settings.store_model_in_db", "models stand in weir.yaml"},
    {"litellm_settings.drop_params", "a field that cannot be translated is dropped and named in "
                                     "x-weir-warnings; see models.NAME.strict"},
    {"litellm_settings.num_retries", "up to three targets are tried, within a budget of all"},
    {"router_settings.num_retries", "up to three targets are tried, within a budget of all"},
    {"litellm_settings.allowed_fails", "keys and targets rest by themselves"},
    {"router_settings.allowed_fails", "keys and targets rest by themselves"},
    {"router_settings.cooldown_time", "keys and targets rest by themselves"},
    {"router_settings.routing_strategy", "targets are shared by weight, load and first event"},
    {"router_settings.enable_pre_call_checks", "context and features are always looked at"},
    {"litellm_settings.cache", "answers are shared where models.NAME.cache says so"},
    {"litellm_settings.cache_params", "answers are shared where models.NAME.cache says so"},
    {"litellm_settings.set_verbose", "see log.level"},
    {"litellm_settings.request_timeout", "see providers.NAME.timeouts"},
    {"router_settings.timeout", "see providers.NAME.timeouts"},
}};

std::string quoted(std::string_view text) {
    std::string out;
    json::append_quoted(out, text);
    return out;
}

std::string scalar_of(const YAML::Node& node) {
    return node.IsDefined() && node.IsScalar() ? node.Scalar() : std::string();
}

YAML::Node child(const YAML::Node& node, const char* name) {
    return node.IsDefined() && node.IsMap() ? node[name] : YAML::Node(YAML::NodeType::Undefined);
}

// "${NAME}" of "os.environ/NAME"; nullopt for anything else.
std::optional<std::string> reference_of(std::string_view text) {
    constexpr std::string_view mark = "os.environ/";
    if (!text.starts_with(mark)) return std::nullopt;
    text.remove_prefix(mark.size());
    const bool plain = std::ranges::all_of(text, [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               c == '_';
    });
    if (text.empty() || !plain) return std::nullopt;
    return "${" + std::string(text) + "}";
}

// US dollars a token as US dollars for a million of them.
std::string price_of(const YAML::Node& node) {
    const double a_token = node.IsDefined() && node.IsScalar() ? node.as<double>(-1) : -1;
    if (!std::isfinite(a_token) || a_token < 0 || a_token > 1) return {};
    std::string out = fmt::format("{:.6f}", a_token * 1e6);
    while (out.ends_with('0')) out.pop_back();
    if (out.ends_with('.')) out.pop_back();
    return out;
}

std::string integer_of(const YAML::Node& node, std::int64_t least, std::int64_t most) {
    const auto value = parse_decimal(scalar_of(node));
    if (!value || *value < static_cast<std::uint64_t>(least) ||
        *value > static_cast<std::uint64_t>(most))
        return {};
    return std::to_string(*value);
}

class Import {
public:
    Imported run(const std::string& file, const YAML::Node& root) {
        for (const auto& entry : root["model_list"]) read_model(entry);
        read_aliases(child(child(root, "router_settings"), "model_group_alias"));
        for (const char* const section : {"litellm_settings", "router_settings"}) {
            read_fallbacks(section, child(child(root, section), "fallbacks"));
            read_default(child(child(root, section), "default_fallbacks"));
        }
        read_budget("litellm_settings", child(root, "litellm_settings"), "everyone");
        read_budget("litellm_settings.default_internal_user_params",
                    child(child(root, "litellm_settings"), "default_internal_user_params"), "user");
        name_the_rest(root);
        Imported out;
        out.yaml = text(file);
        out.left_out = std::move(left_out_);
        return out;
    }

private:
    void leave_out(std::string_view path, std::string_view why) {
        if (left_out_.size() < left_out_most)
            left_out_.push_back(fmt::format("{}: {}", clip(path, name_bytes), why));
    }

    void read_model(const YAML::Node& entry) {
        const std::string name = scalar_of(child(entry, "model_name"));
        const YAML::Node params = child(entry, "litellm_params");
        const YAML::Node info = child(entry, "model_info");
        std::string model = scalar_of(child(params, "model"));
        if (name.empty() || model.empty())
            return leave_out("model_list", "an entry without model_name or litellm_params.model");
        if (name.size() > name_bytes || model.size() > name_bytes)
            return leave_out("model_list." + name, "its name is too long");
        const std::string path = "model_list." + name;
        if (std::ranges::count(name, '*') > 1) return leave_out(path, "more than one '*'");
        const std::string mode = scalar_of(child(info, "mode"));
        if (!mode.empty() && mode != "chat" && mode != "embedding" && mode != "completion" &&
            mode != "responses")
            return leave_out(path, "mode " + clip(mode, 32) + " has no counterpart");
        std::string prefix = scalar_of(child(params, "custom_llm_provider"));
        if (const std::size_t slash = model.find('/');
            prefix.empty() && slash != std::string::npos &&
            find_litellm_provider(model.substr(0, slash), {}) != nullptr) {
            prefix = model.substr(0, slash);
            model.erase(0, slash + 1);
        }
        const LiteLlmProvider* const known = find_litellm_provider(prefix, model);
        if (known == nullptr)
            return leave_out(path, "Weir has no dialect for " + clip(model, name_bytes));
        const std::string provider = provider_of(*known, params, path);
        if (provider.empty()) return;
        Model& out = model_named(name);
        out.targets.push_back(target_of(provider, model, params, info));
        if (std::string most = integer_of(child(params, "max_tokens"), 1, 10'000'000);
            !most.empty())
            out.max_output_tokens = std::move(most);
        name_unread(path, params);
    }

    // The name of the provider with that address and key, which is made where there is none yet.
    std::string provider_of(const LiteLlmProvider& known, const YAML::Node& params,
                            const std::string& path) {
        Provider wanted;
        wanted.prefix = known.prefix;
        wanted.dialect = known.dialect;
        wanted.base_url = known.base_url;
        std::string base = scalar_of(child(params, "api_base"));
        if (base.empty()) base = scalar_of(child(params, "base_url"));
        if (const auto reference = reference_of(base)) base = *reference;
        while (base.ends_with('/')) base.pop_back();
        // LiteLLM adds the version to Anthropic's address, Weir does not.
        if (known.prefix == "anthropic" && !base.empty() && !base.ends_with("/v1")) base += "/v1";
        if (!base.empty()) wanted.base_url = base;
        if (wanted.base_url.empty() && known.base == LiteLlmProvider::Base::must_be_said) {
            leave_out(path, "no api_base is named");
            return {};
        }
        wanted.api_version = scalar_of(child(params, "api_version"));
        if (const auto reference = reference_of(wanted.api_version))
            wanted.api_version = *reference;
        const std::string key = scalar_of(child(params, "api_key"));
        if (auto reference = reference_of(key)) wanted.key = *std::move(reference);
        else if (!key.empty()) wanted.key = named_key(known, path);
        else if (!known.variable.empty()) wanted.key = fmt::format("${{{}}}", known.variable);
        return provider_like(std::move(wanted), known.name);
    }

    // A key that is written out is a secret: it is asked for by a name.
    std::string named_key(const LiteLlmProvider& known, const std::string& path) {
        std::string variable(known.variable.empty() ? "COMPATIBLE_API_KEY" : known.variable);
        if (++written_out_ > 1) variable += "_" + std::to_string(written_out_);
        leave_out(path, "its api_key is written out: put it into the environment as " + variable);
        return "${" + variable + "}";
    }

    std::string provider_like(Provider wanted, std::string_view usual_name) {
        std::size_t same_name = 0;
        for (const Provider& there : providers_) {
            if (there.prefix == wanted.prefix && there.base_url == wanted.base_url &&
                there.key == wanted.key && there.api_version == wanted.api_version)
                return there.name;
            same_name +=
                there.name == usual_name || there.name.starts_with(std::string(usual_name) + "-");
        }
        wanted.name = usual_name;
        // Another name takes its usual dialect and address away.
        if (same_name > 0) {
            wanted.name += "-" + std::to_string(same_name + 1);
            if (wanted.dialect.empty()) wanted.dialect = name(usual_dialect(usual_name));
            if (wanted.base_url.empty())
                wanted.base_url = usual_base_url(usual_name, usual_dialect(usual_name));
        }
        providers_.push_back(std::move(wanted));
        return providers_.back().name;
    }

    std::string target_of(const std::string& provider, const std::string& model,
                          const YAML::Node& params, const YAML::Node& info) {
        std::string out = fmt::format("{{provider: {}, model: {}", quoted(provider), quoted(model));
        const auto either = [&](const char* key) {
            const std::string price = price_of(child(params, key));
            return price.empty() ? price_of(child(info, key)) : price;
        };
        const std::string input = either("input_cost_per_token");
        const std::string output = either("output_cost_per_token");
        if (!input.empty() && !output.empty()) {
            out += fmt::format(", price: {{input: {}, output: {}", input, output);
            const std::string cached = either("cache_read_input_token_cost");
            out += cached.empty() ? "}" : ", cached_input: " + cached + "}";
        } else if (unpriced_.empty()) {
            unpriced_ = model;
        }
        if (const auto weight = integer_of(child(params, "weight"), 1, 1000); !weight.empty())
            out += ", weight: " + weight;
        if (const auto tier = integer_of(child(params, "order"), 1, 100); !tier.empty())
            out += ", tier: " + tier;
        if (const auto context = integer_of(child(info, "max_input_tokens"), 1, 100'000'000);
            !context.empty())
            out += ", context: " + context;
        return out + "}";
    }

    Model& model_named(const std::string& wanted) {
        const auto found = std::ranges::find(models_, wanted, &Model::name);
        if (found != models_.end()) return *found;
        models_.push_back({wanted, {}, {}, {}});
        return models_.back();
    }

    void name_unread(const std::string& path, const YAML::Node& params) {
        constexpr std::array<std::string_view, 14> read{"model",
                                                        "custom_llm_provider",
                                                        "api_base",
                                                        "base_url",
                                                        "api_version",
                                                        "api_key",
                                                        "max_tokens",
                                                        "input_cost_per_token",
                                                        "output_cost_per_token",
                                                        "weight",
                                                        "order",
                                                        "cache_read_input_token_cost",
                                                        "drop_params",
                                                        "use_in_pass_through"};
        for (const auto& member : params) {
            const std::string key = scalar_of(member.first);
            if (std::ranges::find(read, key) != read.end()) continue;
            const bool rate = key == "rpm" || key == "tpm";
            leave_out(path + "." + key, rate ? "what the provider says is left of its rates is "
                                               "kept to instead"
                                             : "has no counterpart");
        }
    }

    void read_aliases(const YAML::Node& aliases) {
        if (!aliases.IsDefined() || !aliases.IsMap()) return;
        for (const auto& alias : aliases) {
            const std::string name = scalar_of(alias.first);
            std::string target = scalar_of(alias.second);
            if (target.empty()) target = scalar_of(child(alias.second, "model"));
            const auto found = std::ranges::find(models_, target, &Model::name);
            if (found == models_.end() || name.empty()) {
                leave_out("router_settings.model_group_alias." + name, "there is no such model");
                continue;
            }
            for (const std::string& repeated : found->targets) alias_bytes_ += repeated.size();
            if (alias_bytes_ > alias_bytes_most || name.size() > name_bytes) {
                leave_out("router_settings.model_group_alias." + name, "too many, or too long");
                continue;
            }
            const Model like = *found;
            Model& out = model_named(name);
            if (out.targets.empty()) out.targets = like.targets;
        }
    }

    std::vector<std::string> known_of(const std::string& path, const YAML::Node& names) {
        std::vector<std::string> out;
        if (!names.IsDefined() || !names.IsSequence()) return out;
        for (const auto& entry : names) {
            if (out.size() >= fallbacks_most) break;
            const std::string name = scalar_of(entry);
            if (std::ranges::find(models_, name, &Model::name) != models_.end())
                out.push_back(name);
            else leave_out(path, "there is no model " + clip(name, name_bytes));
        }
        return out;
    }

    void read_fallbacks(const std::string& section, const YAML::Node& list) {
        if (!list.IsDefined() || !list.IsSequence()) return;
        for (const auto& entry : list) {
            if (!entry.IsMap()) continue;
            for (const auto& rule : entry) {
                const std::string name = scalar_of(rule.first);
                const std::string path = section + ".fallbacks." + name;
                std::vector<std::string> names = known_of(path, rule.second);
                const auto found = std::ranges::find(models_, name, &Model::name);
                if (found != models_.end()) found->fallback = std::move(names);
                else leave_out(path, "there is no such model");
            }
        }
    }

    void read_default(const YAML::Node& list) {
        const auto names = known_of("default_fallbacks", list);
        for (Model& model : models_) {
            if (!model.fallback.empty()) continue;
            std::ranges::copy_if(names, std::back_inserter(model.fallback),
                                 [&](const std::string& name) { return name != model.name; });
        }
    }

    void read_budget(const std::string& path, const YAML::Node& section, const char* scope) {
        const YAML::Node most = child(section, "max_budget");
        if (!most.IsDefined()) return;
        const double usd = most.IsScalar() ? most.as<double>(-1) : -1;
        const std::string length = scalar_of(child(section, "budget_duration"));
        static const std::map<std::string, std::string> periods{
            {"", "total"},    {"24h", "day"},   {"1d", "day"},   {"7d", "week"},
            {"30d", "month"}, {"1mo", "month"}, {"31d", "month"}};
        const auto period = periods.find(length);
        if (!std::isfinite(usd) || usd < 0 || usd > 1e9)
            return leave_out(path + ".max_budget", "is no amount");
        if (period == periods.end())
            return leave_out(path + ".budget_duration",
                             "a budget lasts for a day, a week, a month, or for ever");
        const std::string budget =
            fmt::format("{}: [{{usd: {:.2f}, per: {}}}]", scope, usd, period->second);
        if (!unpriced_.empty())
            return leave_out(path + ".max_budget",
                             fmt::format("{} has no price, as every target needs: name it, and "
                                         "quota: {{{}}}",
                                         clip(unpriced_, name_bytes), budget));
        budgets_ += "  " + budget + "\n";
    }

    void name_the_rest(const YAML::Node& root) {
        for (const auto& section : root) {
            const std::string name = scalar_of(section.first);
            if (name == "model_list") continue;
            if (name == "environment_variables") {
                leave_out(name, "set them in the environment of weir serve");
                continue;
            }
            if (!section.second.IsMap()) {
                leave_out(name, "has no counterpart");
                continue;
            }
            for (const auto& member : section.second) {
                const std::string path = name + "." + scalar_of(member.first);
                if (path.ends_with(".fallbacks") || path.ends_with(".default_fallbacks") ||
                    path.ends_with(".model_group_alias") || path.ends_with(".max_budget") ||
                    path.ends_with(".budget_duration") ||
                    path.ends_with(".default_internal_user_params"))
                    continue;
                const auto hint = std::ranges::find(hints, std::string_view(path), &Hint::path);
                leave_out(path, hint == hints.end() ? "has no counterpart" : hint->words);
            }
        }
    }

    std::string text(const std::string& file) const {
        std::string out = fmt::format("# Made from {} by: weir import litellm\n", clip(file, 200));
        for (const std::string& what : left_out_)
            out += fmt::format("# left out: {}\n", clip(what, 300));
        if (!providers_.empty()) out += "providers:\n";
        for (const Provider& provider : providers_) {
            out += fmt::format("  {}:\n", quoted(provider.name));
            const auto member = [&](std::string_view key, const std::string& value) {
                if (!value.empty()) out += fmt::format("    {}: {}\n", key, quoted(value));
            };
            member("dialect", provider.dialect);
            member("base_url", provider.base_url);
            member("api_version", provider.api_version);
            out += provider.key.empty() ? "    keys: []\n"
                                        : fmt::format("    keys: [{}]\n", quoted(provider.key));
        }
        if (!models_.empty()) out += "models:\n";
        for (const Model& model : models_) {
            out += fmt::format("  {}:\n    targets:\n", quoted(model.name));
            for (const std::string& target : model.targets) out += "      - " + target + "\n";
            if (!model.max_output_tokens.empty())
                out += fmt::format("    max_output_tokens: {}\n", model.max_output_tokens);
            if (model.fallback.empty()) continue;
            out += "    fallback:\n";
            for (const std::string& name : model.fallback) out += "      - " + quoted(name) + "\n";
        }
        if (!budgets_.empty()) out += "quota:\n" + budgets_;
        return out;
    }

    std::vector<Provider> providers_;
    std::vector<Model> models_;
    std::string budgets_;
    std::string unpriced_; // the first model without a price
    std::vector<std::string> left_out_;
    int written_out_ = 0;
    std::size_t alias_bytes_ = 0;
};

} // namespace

std::expected<Imported, Refusal> import_litellm(const std::string& file, const std::string& text) {
    const auto root = read_yaml(text);
    if (!root) return std::unexpected(Refusal{{shown(file, root.error())}});
    try {
        if (!root->IsMap() || !(*root)["model_list"].IsSequence())
            return std::unexpected(
                Refusal{{file + ": this is no configuration of LiteLLM: it has no model_list"}});
        return Import().run(file, *root);
    } catch (const YAML::Exception& wrong) {
        return std::unexpected(
            Refusal{{shown(file, {wrong.mark.line + 1, wrong.mark.column + 1, wrong.msg})}});
    }
}

} // namespace weir::config
