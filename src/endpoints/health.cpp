#include "endpoints/health.h"

#include "gateway/serve_chat.h"
#include "json/writer.h"

namespace weir::endpoints {
namespace {

// Empty when ready.
std::string_view not_ready(const gateway::Parts& parts) {
    if (parts.draining.load()) return "draining";
    if (parts.ledger.broken())
        return "the ledger cannot be written; it goes on by itself once the disk can be";
    return "";
}

// A peer on this machine that no proxy stands before, or an administrator.
bool may_see_details(Context& context) {
    const wire::RequestHead& head = context.exchange.head();
    const bool proxied = head.find("forwarded") || head.find("x-forwarded-for") || head.find("via");
    if (context.exchange.peer().address.is_loopback() && !proxied) return true;
    const auto caller = gateway::identify(context.parts, context.exchange);
    return caller && caller->is_admin();
}

} // namespace

net::Task<void> livez(Context& context) {
    net::Response response;
    response.body = R"({"status":"ok"})";
    co_await context.responder().send(std::move(response));
}

net::Task<void> readyz(Context& context) {
    const std::string_view why = not_ready(context.parts);
    net::Response response;
    response.status = why.empty() ? 200 : 503;
    json::Writer writer(response.body);
    writer.begin_object().member("status", why.empty() ? "ok" : "not_ready");
    if (!why.empty()) writer.member("reason", why);
    writer.end_object();
    gateway::Responder responder = context.responder();
    if (!why.empty()) responder.add_header("retry-after", "1");
    if (!why.empty()) responder.add_header("retry-after-ms", "1000");
    co_await std::move(responder).send(std::move(response));
}

net::Task<void> health(Context& context) {
    const std::string_view why = not_ready(context.parts);
    const bool details = may_see_details(context);
    net::Response response;
    response.status = why.empty() ? 200 : 503;
    json::Writer writer(response.body);
    writer.begin_object().member("status", why.empty() ? "ok" : "not_ready");
    if (details) {
        writer.member("reason", why);
        writer.member("streams", context.parts.streams.running());
        writer.key("ledger").boolean(!context.parts.ledger.broken());
    }
    writer.end_object();
    co_await context.responder().send(std::move(response));
}

} // namespace weir::endpoints
