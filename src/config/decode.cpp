#include "config/decode.h"

#include "base/limits.h"
#include "base/text.h"
#include "config/known_providers.h"

#include <algorithm>
#include <fmt/core.h>

namespace weir::config {
namespace {

std::optional<Network> parse_network(const std::string& text) {
    const std::size_t slash = text.find('/');
    const std::string address = text.substr(0, slash);
    Network network;
    std::array<unsigned char, 4> octets{};
    std::size_t at = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        const std::size_t dot = i == 3 ? address.size() : address.find('.', at);
        if (dot == std::string::npos) return std::nullopt;
        const auto value = parse_decimal(std::string_view(address).substr(at, dot - at));
        if (!value || *value > 255) return std::nullopt;
        octets[i] = static_cast<unsigned char>(*value);
        at = dot + 1;
    }
    network.address = Address::from_v4(octets);
    network.bits = 32;
    if (slash == std::string::npos) return network;
    const auto bits = parse_decimal(std::string_view(text).substr(slash + 1));
    if (!bits || *bits > 32) return std::nullopt;
    network.bits = static_cast<int>(*bits);
    return network;
}

void decode_key(const Section::Entry& entry, Section& parent, Provider& provider) {
    ProviderKey key;
    key.name = fmt::format("{}-{}", provider.name, provider.keys.size() + 1);
    entry.schema->short_form = true;
    if (entry.node.IsScalar()) {
        // The short form, a value alone, is read as {value: …}.
        YAML::Node wrapped;
        wrapped["value"] = entry.node;
        Section section(parent.reading(), wrapped, entry.path, *entry.schema);
        section.secret("value", key.value, "the credential, as ${NAME}");
    } else {
        Section section(parent.reading(), entry.node, entry.path, *entry.schema);
        section.text("name", key.name, "a name for logs and lists");
        section.secret("value", key.value, "the credential, as ${NAME}");
        section.text("group", key.group, "keys of one organisation share a quota at the provider");
        section.integer("weight", key.weight, {1, 1000, ""}, "its share of the requests");
    }
    if (key.group.empty()) key.group = key.name;
    key.id = provider.name + "/" + key.name;
    provider.keys.push_back(std::move(key));
}

void decode_provider(const Section::Entry& entry, Section& parent, Config& config) {
    Provider provider;
    provider.name = entry.name;
    Section section(parent.reading(), entry.node, entry.path, *entry.schema);
    auto dialect = static_cast<std::size_t>(usual_dialect(provider.name));
    section.choice("dialect", dialect, {"openai", "demo", "anthropic", "gemini", "ollama", "azure"},
                   "what the provider speaks");
    provider.dialect = static_cast<Dialect>(dialect);
    provider.base_url = usual_base_url(provider.name, provider.dialect);
    section.text("base_url", provider.base_url, "where it is, with its version path");
    if (provider.base_url.empty() && provider.dialect != Dialect::demo)
        section.fault("", "needs a base_url: Weir knows no provider of this name");
    section.text("api_version", provider.api_version, "of an azure resource's dated API");
    for (const auto& key :
         section.list("keys", "credentials; none is sent where the list is empty"))
        decode_key(key, section, provider);
    {
        const auto child = section.section("timeouts", "how long to wait");
        Section timeouts(section.reading(), child.node, child.path, *child.schema);
        timeouts.duration("connect", provider.timeouts.connect, "to connect, TLS included");
        timeouts.duration("first_event", provider.timeouts.first_event,
                          "to the first byte of an answer");
        timeouts.duration("idle", provider.timeouts.idle, "between bytes of an answer");
        timeouts.duration("total", provider.timeouts.total, "for a whole answer");
    }
    section.text("proxy", provider.proxy, "an http URL to connect through");
    // What the file names may be anywhere; the word is for providers that are added while the
    // server runs.
    std::size_t private_places = 0;
    section.choice("allow_private", private_places, {"false", "true"},
                   "whether a provider added at run time may be on a private address");
    config.providers.push_back(std::move(provider));
}

void decode_target(const Section::Entry& entry, Section& parent, Model& model) {
    Target target;
    Section section(parent.reading(), entry.node, entry.path, *entry.schema);
    section.text("provider", target.provider, "a name under providers");
    section.text("model", target.model, "the provider's name of the model");
    if (target.model.empty()) target.model = model.is_pattern() ? "*" : model.name;
    section.integer("tier", target.tier, {1, 100, ""}, "lower ones are tried first");
    section.integer("weight", target.weight, {1, 1000, ""}, "its share within the tier");
    if (section.has("price")) target.price.emplace();
    {
        const auto child = section.section("price", "US dollars per million tokens");
        Section price(section.reading(), child.node, child.path, *child.schema);
        Price unset;
        Price& out = target.price ? *target.price : unset;
        price.price("input", out.input, "tokens read");
        price.price("output", out.output, "tokens written");
        out.cached_input = out.input;
        out.reasoning = out.output;
        price.price("cached_input", out.cached_input, "tokens read from the provider's cache");
        price.price("reasoning", out.reasoning, "tokens of hidden thought");
    }
    section.integer("context", target.context, {0, 100'000'000, ""},
                    "tokens of its context; longer requests go elsewhere. 0: not said");
    section.texts("features", target.features,
                  "what it can do, of tools, vision and json; none: not said");
    for (const std::string& feature : target.features)
        if (feature != "tools" && feature != "vision" && feature != "json")
            section.fault("features", fmt::format("'{}' is none of tools, vision, json", feature));
    std::size_t streaming = 0;
    section.choice("stream", streaming, {"true", "false"}, "whether the target can stream");
    target.streaming = streaming == 0 ? Target::Streaming::yes : Target::Streaming::no;
    std::size_t usage = 0;
    section.choice("stream_usage", usage, {"true", "false"},
                   "whether streams are asked for their usage");
    target.stream_usage = usage == 0 ? Target::Usage::asked : Target::Usage::not_asked;
    model.targets.push_back(std::move(target));
}

void decode_cache(Section& model, Cache& out) {
    const auto child = model.section("cache", "which answers may serve all who ask the same");
    Section section(model.reading(), child.node, child.path, *child.schema);
    std::size_t when = 0;
    section.choice("when", when, {"off", "deterministic", "always"},
                   "deterministic: those with temperature 0 or a seed");
    out.when = static_cast<Cache::When>(when);
    section.not_built("ttl", "0s", "how long an answer is kept; 0s: only while it is being made");
}

void decode_model(const Section::Entry& entry, Section& parent, Config& config) {
    Model model;
    model.name = entry.name;
    Section section(parent.reading(), entry.node, entry.path, *entry.schema);
    if (std::ranges::count(model.name, '*') > 1) section.fault("", "a pattern has one '*'");
    for (const auto& target : section.list("targets", "tried by tier, balanced within one"))
        decode_target(target, section, model);
    if (model.targets.empty()) section.fault("", "a model needs at least one target");
    section.integer("max_output_tokens", model.max_output_tokens, {1, limits::output_tokens, ""},
                    "the bound when a request names none");
    section.texts("fallback", model.fallback, "models to try after every target failed");
    decode_cache(section, model.cache);
    std::size_t continuation = 0;
    section.choice("continuation", continuation, {"off", "same_model", "any"},
                   "who goes on with a text that broke off");
    model.continuation = static_cast<Continuation>(continuation);
    std::size_t strict = 0;
    section.choice("strict", strict, {"false", "true"},
                   "whether a field that cannot be translated is refused, or dropped and named");
    model.strict = strict == 1;
    config.models.push_back(std::move(model));
}

void decode_soft(Section& section, Budget& budget) {
    std::vector<std::string> texts;
    for (const std::int64_t percent : budget.soft) texts.push_back(std::to_string(percent));
    section.texts("soft", texts, "percentages at which an event tells the operator");
    budget.soft.clear();
    for (const std::string& text : texts) {
        const auto percent = parse_decimal(text);
        if (percent && *percent >= 1 && *percent <= 100)
            budget.soft.push_back(static_cast<std::int64_t>(*percent));
        else section.fault("soft", fmt::format("'{}' is not a percentage from 1 to 100", text));
    }
}

void decode_budgets(Section& quota, std::string_view name, std::vector<Budget>& out,
                    std::string_view about) {
    for (const auto& entry : quota.list(name, about)) {
        Section section(quota.reading(), entry.node, entry.path, *entry.schema);
        Budget budget;
        int units = 0;
        for (const Unit unit : {Unit::requests, Unit::tokens}) {
            const std::string_view field = config::name(unit);
            std::int64_t limit = 0;
            const bool there = section.has(field);
            section.integer(field, limit, {0, INT64_MAX / 4, ""}, "how many in a period");
            if (there) budget.unit = unit, budget.limit = limit, ++units;
        }
        std::int64_t picodollars = 0;
        const bool dollars = section.has("usd");
        section.price("usd", picodollars, "how many US dollars in a period");
        if (dollars) budget.unit = Unit::nanousd, budget.limit = picodollars * 1000, ++units;
        if (units != 1) section.fault("", "exactly one of requests, tokens and usd is expected");
        std::size_t period = 0;
        section.choice("per", period, {"day", "week", "month", "total"}, "the period");
        budget.period = static_cast<Period>(period);
        decode_soft(section, budget);
        const auto same = [&](const Budget& other) {
            return other.unit == budget.unit && other.period == budget.period;
        };
        if (std::ranges::any_of(out, same))
            section.fault("", "this unit and period have a budget already");
        out.push_back(budget);
    }
}

void decode_quota(Section& root, Config& config) {
    const auto child = root.section("quota", "budgets");
    Section quota(root.reading(), child.node, child.path, *child.schema);
    quota.time_zone("timezone", config.quota.zone, "where days begin");
    std::size_t reserve = 0;
    quota.choice("reserve", reserve, {"slab", "full"}, "how much of an answer is held at once");
    config.quota.reserve = static_cast<Quota::Reserve>(reserve);
    decode_budgets(quota, "everyone", config.quota.everyone, "for all together");
    decode_budgets(quota, "team", config.quota.team, "for each team");
    decode_budgets(quota, "user", config.quota.user, "for each user");
    decode_budgets(quota, "key", config.quota.key, "for each key");
    const auto ledger_child = root.section("ledger", "the journal of what was spent");
    Section ledger(root.reading(), ledger_child.node, ledger_child.path, *ledger_child.schema);
    std::size_t durability = 0;
    ledger.choice("durability", durability, {"power", "process"}, "what a commit survives");
    config.durability = static_cast<Durability>(durability);
}

void decode_limits(Section& root, Limits& out) {
    const auto child = root.section("limits", "rates and sizes");
    Section section(root.reading(), child.node, child.path, *child.schema);
    section.rate("per_ip", out.per_ip, "requests of one address; loopback is not counted");
    section.rate("per_key", out.per_key, "requests of one key");
    section.rate("per_user", out.per_user, "requests of one user");
    section.rate("per_team", out.per_team, "requests of one team");
    section.rate("tokens_per_key", out.tokens_per_key, "tokens of one key, read and written");
    section.integer("concurrent_per_key", out.concurrent_per_key, {1, 100'000, "off"},
                    "requests of one key at once");
    section.bytes("body_bytes", out.body_bytes, "the largest request body");
}

void decode_rest(Section& root, Config& config) {
    {
        const auto child = root.section("log", "JSON lines on stderr");
        Section log(root.reading(), child.node, child.path, *child.schema);
        const std::vector<std::string_view> levels{"error", "warn", "info", "debug"};
        std::size_t level = 2;
        log.choice("level", level, levels, "the least severe level written");
        config.log_level = levels[level];
        log.not_built("prompts", "", "teams whose texts may be logged");
    }
    {
        const auto child = root.section("streams", "answers in progress, and those to join again");
        Section streams(root.reading(), child.node, child.path, *child.schema);
        streams.bytes("memory", config.streams.memory, "of all stream logs together");
    }
    root.not_built("metrics", "", "the door /metrics");
    {
        const auto child = root.section("filter", "content rules");
        Section filter(root.reading(), child.node, child.path, *child.schema);
        std::size_t rules = 0;
        filter.choice("rules", rules, {"builtin", "none"}, "the rules that Weir brings along");
        config.filter.builtin = static_cast<Filter::Builtin>(rules);
        filter.texts("files", config.filter.files, "files of rules, beside this one");
    }
    root.not_built("alerts", "", "webhooks and mail");
    root.not_built("auth", "", "registration, sessions and OpenID Connect");
    root.not_built("cors", "", "origins of other web pages");
    root.not_built("retention", "", "how long things are kept");
}

} // namespace

void decode(Section& root, Config& config) {
    root.text("listen", config.listen, "ADDRESS:PORT");
    const std::size_t colon = config.listen.rfind(':');
    const auto port = colon == std::string::npos
                          ? std::nullopt
                          : parse_decimal(std::string_view(config.listen).substr(colon + 1));
    if (!port || *port > 65535)
        root.fault("listen",
                   fmt::format("'{}' is not ADDRESS:PORT, such as 127.0.0.1:8000", config.listen));
    root.text("data_dir", config.data_dir, "where everything is stored");
    root.not_built("store", "sqlite", "sqlite, or postgres://user:password@host/database");
    root.not_built("shared", "none", "none, or redis://host:6379");
    root.integer("workers", config.workers, {1, 256, "auto"},
                 "threads that serve; auto: one a processor");
    {
        const auto child = root.section("tls", "serve HTTPS; absent: plain HTTP");
        Section tls(root.reading(), child.node, child.path, *child.schema);
        tls.text("certificate", config.tls.certificate, "a PEM file with the chain");
        tls.text("key", config.tls.key, "a PEM file");
        if (config.tls.certificate.empty() != config.tls.key.empty())
            tls.fault("", "certificate and key belong together");
    }
    std::vector<std::string> proxies;
    root.texts("trusted_proxies", proxies, "IPv4 networks whose X-Forwarded-For is believed");
    for (const std::string& text : proxies) {
        if (const auto network = parse_network(text)) config.trusted_proxies.push_back(*network);
        else
            root.fault("trusted_proxies",
                       fmt::format("'{}' is not a network such as 10.0.0.0/8", text));
    }
    for (const auto& entry : root.map("providers", "who answers"))
        decode_provider(entry, root, config);
    for (const auto& entry : root.map("models", "the names clients may use"))
        decode_model(entry, root, config);
    decode_quota(root, config);
    decode_limits(root, config.limits);
    decode_rest(root, config);
}

void check_relations(Reading& reading, const Config& config) {
    bool priced = true;
    for (const Model& model : config.models) {
        const std::string path = "models." + model.name;
        for (std::size_t i = 0; i < model.targets.size(); ++i) {
            const Target& target = model.targets[i];
            priced = priced && target.price.has_value();
            if (config.find_provider(target.provider) != nullptr) continue;
            reading.fault_at(fmt::format("{}.targets[{}].provider", path, i),
                             fmt::format("there is no provider '{}'", clip(target.provider, 64)));
        }
        for (const std::string& other : model.fallback) {
            const auto same = [&](const Model& m) { return m.name == other; };
            if (std::ranges::none_of(config.models, same))
                reading.fault_at(path + ".fallback",
                                 fmt::format("there is no model '{}'", clip(other, 64)));
        }
    }
    if (priced) return;
    const auto refuse_dollars = [&](std::string_view scope, const std::vector<Budget>& budgets) {
        for (std::size_t i = 0; i < budgets.size(); ++i) {
            if (budgets[i].unit != Unit::nanousd) continue;
            reading.fault_at(
                fmt::format("quota.{}[{}].usd", scope, i),
                "a budget in usd needs a price at every target; add price: {input: …, output: …}");
        }
    };
    refuse_dollars("everyone", config.quota.everyone);
    refuse_dollars("team", config.quota.team);
    refuse_dollars("user", config.quota.user);
    refuse_dollars("key", config.quota.key);
}

} // namespace weir::config
