#include "endpoints/admin/door.h"

#include <cstdlib>

namespace weir::endpoints {
namespace {

constexpr std::size_t admin_body_bytes = 1024 * 1024;

std::string form_decode(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '+') out.push_back(' ');
        else if (text[i] == '%' && i + 2 < text.size()) {
            const std::string digits(text.substr(i + 1, 2));
            char* end = nullptr;
            const long value = std::strtol(digits.c_str(), &end, 16);
            if (end != digits.c_str() + 2) out.push_back('%');
            else out.push_back(static_cast<char>(value)), i += 2;
        } else out.push_back(text[i]);
    }
    return out;
}

std::map<std::string, std::string> parse_query(std::string_view query) {
    std::map<std::string, std::string> out;
    while (!query.empty()) {
        const std::size_t amp = query.find('&');
        const std::string_view pair = query.substr(0, amp);
        const std::size_t equals = pair.find('=');
        const std::string_view value =
            equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
        out[form_decode(pair.substr(0, equals))] = form_decode(value);
        query = amp == std::string_view::npos ? std::string_view() : query.substr(amp + 1);
    }
    return out;
}

} // namespace

net::Task<void> admin_door(Context& context) {
    gateway::Responder responder = context.responder();
    AdminRequest request;
    request.method = context.exchange.head().method();
    if (request.method == "HEAD") request.method = "GET";
    request.path = context.rest;
    request.query = parse_query(context.exchange.head().query());
    auto body = co_await context.exchange.read_body(admin_body_bytes);
    if (!body) co_return co_await std::move(responder).reject(std::move(body).error());
    request.body = *std::move(body);
    auto reply = co_await administer(context.admin, context.mine, std::move(request));
    if (!reply) co_return co_await std::move(responder).reject(std::move(reply).error());
    net::Response response;
    response.status = reply->status;
    response.body = std::move(reply->body);
    co_await std::move(responder).send(std::move(response));
}

} // namespace weir::endpoints
