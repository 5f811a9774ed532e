#include "endpoints/message_doors.h"

#include "dialects/anthropic/request_in.h"
#include "gateway/serve_chat.h"
#include "json/writer.h"

namespace weir::endpoints {
namespace {

// How many tokens the provider would count, as far as that is known here. It costs nothing.
WEIR_OWN_FRAME net::Task<Result<std::int64_t>> count(Context& context) {
    gateway::Parts& parts = context.parts;
    CO_CHECK(parts.gate.admit_address(context.exchange.client()));
    CO_TRY(const Caller caller, gateway::identify(parts, context.exchange));
    context.record.key = caller.key->public_id;
    context.record.user = caller.key->owner;
    const auto routes = parts.upstream.routes();
    CO_TRY(const std::string body,
           co_await context.exchange.read_body(routes->config().limits.body_bytes));
    CO_TRY(const chat::ChatRequest request, dialects::parse_messages_to_count(body));
    CO_TRY(const upstream::Route route, routes->find(request.model()));
    if (!caller.may_use(request.model())) co_return refuse(Errc::model_not_allowed);
    limits::Admission admission = parts.gate.admit(caller);
    if (admission.refusal) co_return std::unexpected(*std::move(admission.refusal));
    const auto text = co_await parts.meter.try_count(context.mine.loop, request.input_text(),
                                                     route.candidates.front().model);
    co_return text ? *text + request.input_frame_tokens() : request.input_tokens_estimate();
}

} // namespace

net::Task<void> messages(Context& context) {
    return gateway::serve_chat(context.parts, context.mine, context.exchange,
                               gateway::messages_door(), context.record);
}

net::Task<void> count_tokens(Context& context) {
    gateway::Responder responder(context.exchange, context.record, dialects::Shape::anthropic);
    auto counted = co_await count(context);
    if (!counted) co_return co_await std::move(responder).reject(std::move(counted).error());
    net::Response response;
    json::Writer writer(response.body);
    writer.begin_object().member("input_tokens", *counted).end_object();
    co_await std::move(responder).send(std::move(response));
}

} // namespace weir::endpoints
