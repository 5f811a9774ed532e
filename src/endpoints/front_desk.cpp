#include "endpoints/front_desk.h"

#include "base/text.h"
#include "base/token_text.h"
#include "gateway/serve_chat.h"
#include "net/address_text.h"

#include <algorithm>

namespace weir::endpoints {
namespace {

constexpr std::size_t request_id_bytes = 128;
constexpr std::size_t logged_path_bytes = 256;

// Paths arrive as they were sent; a model's name may hold an encoded slash or colon.
std::string percent_decode(std::string_view text) {
    const auto hex = [](char c) {
        if (c >= '0' && c <= '9') return c - '0';
        const char lower = to_lower(c);
        return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
    };
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int high = text[i] == '%' && i + 2 < text.size() ? hex(text[i + 1]) : -1;
        const int low = high >= 0 ? hex(text[i + 2]) : -1;
        if (low < 0) {
            out.push_back(text[i]);
            continue;
        }
        out.push_back(static_cast<char>(high * 16 + low));
        i += 2;
    }
    return out;
}

} // namespace

std::string FrontDesk::request_id(const wire::RequestHead& head) const {
    const auto given = head.find("x-request-id");
    const bool usable = given && !given->empty() && given->size() <= request_id_bytes &&
                        std::ranges::all_of(*given, [](char c) { return c > 0x20 && c < 0x7f; });
    return usable ? std::string(*given) : "req_" + random_base62(parts_.random, 22);
}

// Behind trusted proxies the client is the last address that none of them is.
void FrontDesk::find_client(net::Exchange& exchange) const {
    const auto routes = parts_.upstream.routes();
    const auto& trusted = routes->config().trusted_proxies;
    if (trusted.empty()) return;
    const auto is_trusted = [&](const Address& address) {
        return std::ranges::any_of(trusted, [&](const Network& n) { return n.contains(address); });
    };
    const auto& lines = exchange.head().fields().all();
    for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
        if (!equal_ignoring_case(line->name, "x-forwarded-for")) continue;
        std::string_view chain = line->value;
        while (!chain.empty()) {
            if (!is_trusted(exchange.client())) return;
            const std::size_t comma = chain.rfind(',');
            const bool last = comma == std::string_view::npos;
            const auto address = net::parse_address(trim(last ? chain : chain.substr(comma + 1)));
            chain = last ? std::string_view() : chain.substr(0, comma);
            // Nobody is on this machine because a header says so.
            if (!address || address->is_loopback()) return;
            exchange.set_client(*address);
        }
    }
}

net::Task<void> FrontDesk::serve(net::Exchange& exchange) {
    const SteadyTime started = parts_.clock.steady();
    record::Record record;
    record.at = parts_.clock.wall();
    record.request_id = request_id(exchange.head());
    record.method = exchange.head().method();
    record.path = clip(exchange.head().path(), logged_path_bytes);
    find_client(exchange);
    if (exchange.peer().kind == net::Peer::Kind::tcp) record.peer = exchange.client().text();
    Context context{parts_, mine_, model_list_, admin_, exchange, record, {}};
    auto answered = answer(context);
    co_await answered;
    record.total = parts_.clock.steady() - started;
    parts_.sink.publish(record);
}

net::Task<void> FrontDesk::answer(Context& context) {
    auto route = judge(context);
    return route ? (*route)->handle(context) : refuse(context, std::move(route).error());
}

Result<const Route*> FrontDesk::judge(Context& context) {
    net::Exchange& exchange = context.exchange;
    // A query string ends up in logs and histories, so a key in it is refused whatever it opens.
    if (exchange.head().query().find("sk-weir-") != std::string_view::npos)
        return weir::refuse(Errc::invalid_api_key,
                            "A key in the query string is refused: send it in a header, "
                            "and rotate this one, since it may have been logged.");
    const Match found = match(exchange.head().method(), exchange.head().path());
    if (found.route == nullptr)
        return weir::refuse(found.allow.empty() ? Errc::not_found : Errc::method_not_allowed);
    context.rest = percent_decode(found.rest);
    if (found.route->who == Who::administrator &&
        exchange.peer().kind != net::Peer::Kind::control) {
        WEIR_CHECK(parts_.gate.admit_address(exchange.client()));
        WEIR_TRY(const Caller caller, gateway::identify(parts_, exchange));
        context.record.key = caller.key->public_id;
        context.record.user = caller.key->owner;
        if (!caller.is_admin())
            return weir::refuse(Errc::role_required,
                                "This needs an administrator's key, made with: weir key create "
                                "--admin --user EMAIL");
    }
    return found.route;
}

net::Task<void> FrontDesk::refuse(Context& context, Error why) {
    gateway::Responder responder = context.responder();
    if (why.code() == Errc::method_not_allowed) {
        const wire::RequestHead& head = context.exchange.head();
        responder.add_header("allow", match(head.method(), head.path()).allow);
    }
    co_await std::move(responder).reject(std::move(why));
}

net::Response FrontDesk::refusal(int status, std::string_view reason) {
    const Error error =
        Error(Errc::bad_request, "The request is malformed: " + std::string(reason) + ".")
            .with_status(status);
    net::Response response;
    response.status = status;
    const std::string id = "req_" + random_base62(parts_.random, 22);
    response.headers.emplace_back("x-request-id", id);
    response.body = dialects::error_body(error, dialects::Shape::openai, id);
    return response;
}

} // namespace weir::endpoints
