#include "provider.h"

#include <fmt/format.h>

#include <algorithm>

#include "bodies.h"

namespace sim {
namespace {

constexpr std::string_view models_json =
    R"({"object":"list","data":[)"
    R"({"id":"sim-small","object":"model","created":1700000000,"owned_by":"weir-sim"},)"
    R"({"id":"sim-large","object":"model","created":1700000000,"owned_by":"weir-sim"},)"
    R"({"id":"sim:chunks=8","object":"model","created":1700000000,"owned_by":"weir-sim"}]})";

bool holds(const std::vector<std::string>& keys, std::string_view key) {
    return std::ranges::find(keys, key) != keys.end();
}

} // namespace

std::string json_response(std::uint32_t status, std::string_view body, std::string_view extra) {
    return fmt::format(
        "HTTP/1.1 {} {}\r\ncontent-type: application/json\r\n{}content-length: {}\r\n\r\n{}",
        status, reason_phrase(status), extra, body.size(), body);
}

std::string error_response(std::uint32_t status, std::string_view message) {
    return json_response(
        status, error_json({.status = status, .message = message, .type = "", .code = ""}));
}

bool Provider::is_chat(const HttpRequest& request) {
    return request.method == "POST" &&
           (request.path == "/v1/chat/completions" || request.path == "/chat/completions");
}

std::string Provider::refusal(const HttpRequest& request) {
    const std::string_view key = request.credential;
    if (holds(settings.revoked_keys, key)) return error_response(401);
    if (!settings.required_keys.empty() && !holds(settings.required_keys, key) &&
        !holds(settings.limited_keys, key)) {
        return error_response(401);
    }
    if (holds(settings.limited_keys, key)) {
        const std::string body =
            error_json({.status = 429, .message = "This key is limited.", .type = "", .code = ""});
        return json_response(429, body, "retry-after: 1\r\n");
    }
    return "";
}

std::string Provider::reply(const HttpRequest& request) {
    const std::string_view path = request.path;
    const bool reads = request.method == "GET";
    if (path == "/bill" && reads) return json_response(200, bill.json());
    if (path == "/bill" && request.method == "DELETE") {
        bill.reset();
        journal.clear();
        return json_response(200, "{}\n");
    }
    if (path == "/connections" && reads) return json_response(200, journal.connections_json());
    if (path == "/requests" && reads) return json_response(200, journal.requests_json());
    if (path == "/livez" && reads) return json_response(200, "{\"ok\":true}\n");
    if (path == "/redirected") {
        ++bill.followed;
        return json_response(200, "{\"followed\":true}\n");
    }
    if ((path == "/v1/models" || path == "/models") && reads) {
        const std::string refused = refusal(request);
        return refused.empty() ? json_response(200, models_json) : refused;
    }
    return error_response(404, "There is no such route.");
}

} // namespace sim
