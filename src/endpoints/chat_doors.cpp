#include "endpoints/chat_doors.h"

#include "base/text.h"
#include "endpoints/stability_doors.h"
#include "gateway/quota_view.h"
#include "gateway/serve_chat.h"
#include "json/writer.h"

#include <algorithm>
#include <fmt/core.h>

namespace weir::endpoints {
namespace {

// The caller of a door that only reads: the rate of the address, then the key.
Result<Caller> let_in(Context& context) {
    WEIR_CHECK(context.parts.gate.admit_address(context.exchange.client()));
    WEIR_TRY(Caller caller, gateway::identify(context.parts, context.exchange));
    context.record.key = caller.key->public_id;
    context.record.user = caller.key->owner;
    return caller;
}

void write_model(json::Writer& writer, std::string_view id, const upstream::Routes& routes) {
    const auto route = routes.find(id);
    const std::string owner =
        route && !route->candidates.empty() ? route->candidates.front().provider->name : "weir";
    writer.begin_object().member("id", id).member("object", "model").member("created", 0);
    writer.member("owned_by", owner).end_object();
}

} // namespace

net::Task<void> chat_completions(Context& context) {
    return gateway::serve_chat(context.parts, context.mine, context.exchange,
                               gateway::openai_chat_door(), context.record);
}

net::Task<void> embeddings(Context& context) {
    return gateway::serve_chat(context.parts, context.mine, context.exchange,
                               gateway::embeddings_door(), context.record);
}

net::Task<void> plain_chat(Context& context) {
    return gateway::serve_chat(context.parts, context.mine, context.exchange,
                               gateway::plain_chat_door(), context.record);
}

net::Task<void> list_models(Context& context) {
    gateway::Responder responder = context.responder();
    auto caller = let_in(context);
    if (!caller) co_return co_await std::move(responder).reject(std::move(caller).error());
    const auto routes = context.parts.upstream.routes();
    const std::vector<std::string> names = co_await context.model_list.names(*routes);
    net::Response response;
    json::Writer writer(response.body);
    writer.begin_object().member("object", "list").key("data").begin_array();
    for (const std::string& name : names)
        if (caller->may_use(name)) write_model(writer, name, *routes);
    writer.end_array().end_object();
    co_await std::move(responder).send(std::move(response));
}

net::Task<void> get_model(Context& context) {
    gateway::Responder responder = context.responder();
    auto caller = let_in(context);
    if (!caller) co_return co_await std::move(responder).reject(std::move(caller).error());
    const auto routes = context.parts.upstream.routes();
    auto route = routes->find(context.rest);
    if (!route) co_return co_await std::move(responder).reject(std::move(route).error());
    if (!caller->may_use(context.rest))
        co_return co_await std::move(responder).reject(Errc::model_not_allowed);
    net::Response response;
    json::Writer writer(response.body);
    write_model(writer, context.rest, *routes);
    co_await std::move(responder).send(std::move(response));
}

net::Task<void> model_states(Context& context) {
    gateway::Responder responder = context.responder();
    auto caller = let_in(context);
    if (!caller) co_return co_await std::move(responder).reject(std::move(caller).error());
    const auto routes = context.parts.upstream.routes();
    net::Response response;
    json::Writer writer(response.body);
    writer.begin_object().key("data").begin_array();
    for (const config::Model& model : routes->models()) {
        if (!caller->may_use(model.name)) continue;
        bool available = false;
        std::string targets;
        for (const config::Target& target : model.targets) {
            const config::Provider& provider = *routes->config().find_provider(target.provider);
            const bool ready =
                standing_of(context.parts.upstream,
                            {&provider, &target, routes->url_of(provider.name), target.model})
                    .available;
            available = available || ready;
            json::Writer entry(targets);
            if (!targets.empty()) targets.push_back(',');
            entry.begin_object().member("provider", target.provider).member("model", target.model);
            entry.key("available").boolean(ready).end_object();
        }
        writer.begin_object().member("id", model.name).key("available").boolean(available);
        writer.key("pattern").boolean(model.is_pattern()).key("targets").raw("[" + targets + "]");
        writer.end_object();
    }
    writer.end_array().end_object();
    co_await std::move(responder).send(std::move(response));
}

net::Task<void> own_quota(Context& context) {
    gateway::Responder responder = context.responder();
    auto caller = let_in(context);
    if (!caller) co_return co_await std::move(responder).reject(std::move(caller).error());
    net::Response response;
    response.body = gateway::quota_json(context.parts.ledger, *caller);
    co_await std::move(responder).send(std::move(response));
}

} // namespace weir::endpoints
