#include "endpoints/admin/state.h"

#include "base/text.h"
#include "endpoints/admin/money.h"
#include "endpoints/stability_doors.h"
#include "gateway/quota_view.h"
#include "json/writer.h"
#include "upstream/model_list.h"

#include <algorithm>
#include <fmt/core.h>

namespace weir::endpoints {
namespace {

constexpr std::chrono::milliseconds test_patience{5'000};

void write_provider(json::Writer& writer, AdminWorld& world, const config::Provider& provider) {
    writer.begin_object()
        .member("name", provider.name)
        .member("dialect", config::name(provider.dialect));
    writer.key("keys").begin_array();
    for (const upstream::KeyPool::View& key : world.parts.upstream.keys().view(provider)) {
        writer.begin_object()
            .member("name", key.name)
            .member("state",
                    key.canary && key.state == upstream::KeyState::ok ? "canary" : name(key.state));
        writer.member_or_null("until",
                              key.until ? std::optional(format_time(*key.until)) : std::nullopt);
        writer.member("in_flight", key.in_flight);
        writer.member_or_null("last_error", key.last_error.empty() ? std::nullopt
                                                                   : std::optional(key.last_error));
        writer.end_object();
    }
    // Those that are not asked.
    for (const upstream::AddedKey& key : world.provider_keys.of(provider.name)) {
        if (key.stage != upstream::KeyStage::staged && key.stage != upstream::KeyStage::draining)
            continue;
        writer.begin_object().member("name", key.name).member("state", name(key.stage));
        writer.key("until").null();
        writer.member("in_flight", world.parts.upstream.keys().in_flight(key.id()));
        writer.key("last_error").null().end_object();
    }
    writer.end_array().end_object();
}

std::string value_of(const AdminRequest& request, const std::string& name) {
    const auto found = request.query.find(name);
    return found == request.query.end() ? std::string() : found->second;
}

} // namespace

AdminTask show_status(AdminCall call) {
    const gateway::Parts& parts = call.world.parts;
    AdminReply reply;
    json::Writer writer(reply.body);
    const auto uptime =
        std::chrono::floor<std::chrono::seconds>(parts.clock.steady() - call.world.started);
    writer.begin_object().member("version", call.world.version);
    writer.key("ready").boolean(!parts.draining.load() && !parts.ledger.broken());
    writer.member("uptime_s", std::int64_t{uptime.count()});
    writer.member("streams", parts.streams.running());
    writer.member("requests", parts.ledger.totals({quota::Scope::everyone, 0}).requests);
    writer.key("providers").begin_array();
    const auto routes = parts.upstream.routes();
    for (const config::Provider& provider : routes->config().providers)
        write_provider(writer, call.world, provider);
    writer.end_array().member("store", "sqlite").end_object();
    co_return reply;
}

AdminTask list_providers(AdminCall call) {
    AdminReply reply;
    json::Writer writer(reply.body);
    writer.begin_object().key("data").begin_array();
    const auto routes = call.world.parts.upstream.routes();
    for (const config::Provider& provider : routes->config().providers)
        write_provider(writer, call.world, provider);
    writer.end_array().key("next").null().end_object();
    co_return reply;
}

AdminTask test_provider(AdminCall call) {
    const auto routes = call.world.parts.upstream.routes();
    const config::Provider* const provider = routes->config().find_provider(call.id);
    if (provider == nullptr)
        co_return refuse(
            Errc::not_found,
            fmt::format("There is no provider '{}'; see: weir provider list", clip(call.id, 64)));
    AdminReply reply;
    json::Writer writer(reply.body);
    writer.begin_object().member("name", provider->name).key("keys").begin_array();
    bool all_well = true;
    const net::Url* const url = routes->url_of(provider->name);
    std::vector<config::ProviderKey> keys = provider->keys;
    for (const upstream::AddedKey& added : call.world.provider_keys.of(provider->name))
        if (auto key = call.world.provider_keys.opened(added);
            key && std::ranges::find(keys, key->id, &config::ProviderKey::id) == keys.end())
            keys.push_back(*std::move(key));
    if (keys.empty()) keys.emplace_back();
    for (const config::ProviderKey& key : keys) {
        std::string verdict = "ok";
        std::int64_t models = 0;
        if (url != nullptr) {
            const upstream::ModelList::Place place{*url, upstream::codec_of(provider->dialect),
                                                   key.value.reveal()};
            auto fetched = co_await upstream::ModelList::fetch(call.mine.client, call.mine.loop,
                                                               place, test_patience);
            if (fetched) {
                models = static_cast<std::int64_t>(fetched->size());
                call.world.parts.upstream.keys().forgive({provider, &key});
            } else {
                verdict =
                    fmt::format("{}: {}", name(fetched.error().code()), fetched.error().detail());
            }
        }
        all_well = all_well && verdict == "ok";
        writer.begin_object().member("name", key.name).member("result", verdict);
        writer.member("models", models).end_object();
    }
    writer.end_array().key("ok").boolean(all_well).end_object();
    co_return reply;
}

AdminTask explain(AdminCall call) {
    AdminWorld& world = call.world;
    CO_TRY(const access::Key key, world.parts.access.find_key(value_of(call.request, "key")));
    const std::string model = value_of(call.request, "model");
    const auto routes = world.parts.upstream.routes();
    CO_TRY(const upstream::Route route, routes->find(model));
    KeyTerms terms;
    terms.models = key.models;
    Caller caller;
    caller.key = std::make_shared<const KeyTerms>(terms);
    const config::Limits& limits = routes->config().limits;

    AdminReply reply;
    json::Writer writer(reply.body);
    writer.begin_object()
        .member("key", key.public_id)
        .member("user", world.parts.access.email_of(key.user));
    writer.member("model", model).key("allowed").boolean(caller.may_use(model));
    writer.key("limits").begin_object().member("per_ip", limits.per_ip.text());
    writer.member("per_key", key.rate.empty() ? limits.per_key.text() : key.rate);
    writer.member("per_user", limits.per_user.text()).member("per_team", limits.per_team.text());
    writer.member("concurrent_per_key", limits.concurrent_per_key).end_object();
    caller.user = key.user;
    const auto user = world.parts.access.find_user(world.parts.access.email_of(key.user));
    auto full = std::make_shared<KeyTerms>(terms);
    full->id = key.id;
    full->public_id = key.public_id;
    full->owner = user ? user->email : "";
    full->team = world.parts.access.team_of(key.user);
    caller.team = user ? user->team : std::nullopt;
    caller.key = full;
    writer.key("quota").raw(gateway::quota_json(world.parts.ledger, caller));
    writer.member("filter", "no rules").member("cache", "off");
    writer.member("max_output_tokens", route.max_output_tokens).key("targets").begin_array();
    for (const upstream::Candidate& candidate : route.candidates) {
        const Standing standing = standing_of(world.parts.upstream, candidate);
        writer.begin_object()
            .member("provider", candidate.provider->name)
            .member("model", candidate.model);
        writer.member("tier", candidate.target->tier).member("weight", candidate.target->weight);
        writer.key("priced").boolean(candidate.target->price.has_value());
        writer.member("breaker", standing.breaker).member("in_flight", standing.in_flight);
        writer.member_or_null(
            "why_not", standing.why_not.empty() ? std::nullopt : std::optional(standing.why_not));
        writer.key("available").boolean(bool(standing.available)).end_object();
    }
    writer.end_array().end_object();
    co_return reply;
}

} // namespace weir::endpoints
