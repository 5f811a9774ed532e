#include "endpoints/stability_doors.h"

#include "gateway/serve_chat.h"
#include "json/writer.h"

#include <algorithm>
#include <array>
#include <fmt/core.h>

namespace weir::endpoints {
namespace {

constexpr std::int64_t well = 80; // a score from which nothing is recommended

// The caller of a door that only reads: the rate of the address, then the key.
Result<Caller> let_in(Context& context) {
    WEIR_CHECK(context.parts.gate.admit_address(context.exchange.client()));
    WEIR_TRY(Caller caller, gateway::identify(context.parts, context.exchange));
    context.record.key = caller.key->public_id;
    context.record.user = caller.key->owner;
    return caller;
}

std::int64_t score_of(upstream::Breaker::State state) {
    switch (state) {
    case upstream::Breaker::State::closed: return 100;
    case upstream::Breaker::State::ramping: return 70;
    case upstream::Breaker::State::half_open: return 40;
    case upstream::Breaker::State::open: return 0;
    }
    return 0;
}

struct ModelStanding {
    std::string name;
    std::int64_t score = 0; // of its best target
    std::string targets;    // JSON values, separated by commas
    std::vector<std::string> advice;
};

ModelStanding model_standing(Context& context, const upstream::Routes& routes,
                             const config::Model& model) {
    ModelStanding out;
    out.name = model.name;
    const auto route = routes.find(model.name);
    if (!route) return out;
    std::size_t available = 0;
    for (const upstream::Candidate& candidate : route->candidates) {
        const Standing standing = standing_of(context.parts.upstream, candidate);
        out.score = std::max(out.score, standing.score);
        available += standing.available ? 1 : 0;
        if (!out.targets.empty()) out.targets.push_back(',');
        json::Writer writer(out.targets);
        writer.begin_object().member("provider", candidate.provider->name);
        writer.member("model", candidate.model).member("tier", candidate.target->tier);
        writer.key("available").boolean(bool(standing.available));
        writer.member("score", standing.score).member("breaker", standing.breaker);
        writer.member("in_flight", standing.in_flight);
        writer.key("first_event_ms");
        if (standing.first_event_ms > 0) writer.value(standing.first_event_ms);
        else writer.null();
        writer.end_object();
        if (standing.score < well)
            out.advice.push_back(fmt::format("{}: {}/{}: {}", model.name, candidate.provider->name,
                                             candidate.model, standing.why_not));
    }
    if (available == 0)
        out.advice.push_back(
            fmt::format("{}: nobody can answer; add a target or a fallback", model.name));
    return out;
}

std::vector<ModelStanding> all_standings(Context& context, const Caller& caller) {
    std::vector<ModelStanding> out;
    const auto routes = context.parts.upstream.routes();
    for (const config::Model& model : routes->models())
        if (!model.is_pattern() && caller.may_use(model.name))
            out.push_back(model_standing(context, *routes, model));
    return out;
}

} // namespace

Standing standing_of(upstream::Upstream& upstream, const upstream::Candidate& candidate) {
    Standing out;
    const upstream::Targets::View view = upstream.targets().view(candidate);
    out.breaker = upstream::name(view.breaker);
    out.in_flight = view.in_flight;
    out.first_event_ms = view.first_event.count();
    const auto keys = upstream.keys().view(*candidate.provider);
    std::size_t ready = 0;
    std::string bad;
    for (const upstream::KeyPool::View& key : keys) {
        if (key.state == upstream::KeyState::ok) ++ready;
        else
            bad += fmt::format("{}key {} is {}", bad.empty() ? "" : ", ", key.name,
                               upstream::name(key.state));
    }
    const bool any_key = keys.empty() || ready > 0;
    out.available = any_key && view.breaker != upstream::Breaker::State::open;
    out.score = score_of(view.breaker);
    if (!keys.empty())
        out.score = any_key ? out.score * static_cast<std::int64_t>(keys.size() + ready) /
                                  static_cast<std::int64_t>(2 * keys.size())
                            : 0;
    out.why_not = bad;
    if (view.breaker != upstream::Breaker::State::closed)
        out.why_not += fmt::format("{}its circuit is {}", bad.empty() ? "" : ", ", out.breaker);
    return out;
}

net::Task<void> stability(Context& context) {
    gateway::Responder responder = context.responder();
    auto caller = let_in(context);
    if (!caller) co_return co_await std::move(responder).reject(std::move(caller).error());
    const std::vector<ModelStanding> models = all_standings(context, *caller);
    std::int64_t sum = 0;
    for (const ModelStanding& model : models) sum += model.score;
    net::Response response;
    json::Writer writer(response.body);
    writer.begin_object();
    writer.member("health_score",
                  models.empty() ? 100 : sum / static_cast<std::int64_t>(models.size()));
    writer.key("models").begin_array();
    for (const ModelStanding& model : models) {
        writer.begin_object().member("id", model.name).member("score", model.score);
        writer.key("targets").raw("[" + model.targets + "]").end_object();
    }
    writer.end_array().key("recommendations").begin_array();
    for (const ModelStanding& model : models)
        for (const std::string& advice : model.advice) writer.value(advice);
    writer.end_array().end_object();
    co_await std::move(responder).send(std::move(response));
}

net::Task<void> service_status(Context& context) {
    gateway::Responder responder = context.responder();
    auto caller = let_in(context);
    if (!caller) co_return co_await std::move(responder).reject(std::move(caller).error());
    const std::vector<ModelStanding> models = all_standings(context, *caller);
    const auto is_down = [](const ModelStanding& model) { return model.score == 0; };
    const auto is_ill = [](const ModelStanding& model) { return model.score < well; };
    const std::string_view state = context.parts.ledger.broken()          ? "down"
                                   : models.empty()                       ? "ok"
                                   : std::ranges::all_of(models, is_down) ? "down"
                                   : std::ranges::any_of(models, is_ill)  ? "degraded"
                                                                          : "ok";
    net::Response response;
    json::Writer writer(response.body);
    writer.begin_object().member("status", state);
    writer.key("draining").boolean(context.parts.draining.load());
    writer.key("models").begin_array();
    for (const ModelStanding& model : models) {
        writer.begin_object().member("id", model.name);
        writer.key("available").boolean(model.score > 0);
        writer.member("score", model.score).end_object();
    }
    writer.end_array().end_object();
    co_await std::move(responder).send(std::move(response));
}

} // namespace weir::endpoints
