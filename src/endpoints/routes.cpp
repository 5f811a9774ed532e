#include "endpoints/routes.h"

#include "endpoints/admin/door.h"
#include "endpoints/chat_doors.h"
#include "endpoints/health.h"
#include "endpoints/message_doors.h"
#include "endpoints/moderation_door.h"
#include "endpoints/response_doors.h"
#include "endpoints/stability_doors.h"
#include "endpoints/stream_doors.h"

#include <array>

namespace weir::endpoints {
namespace {

constexpr std::array table{
    Route{"POST", "/v1/chat/completions", Who::key, chat_completions},
    Route{"POST", "/v1/messages", Who::key, messages},
    Route{"POST", "/v1/messages/count_tokens", Who::key, count_tokens},
    Route{"POST", "/v1/responses", Who::key, create_response},
    Route{"GET", "/v1/responses/*", Who::key, get_response},
    Route{"DELETE", "/v1/responses/*", Who::key, delete_response},
    Route{"POST", "/v1/responses/*", Who::key, cancel_response},
    Route{"POST", "/v1/embeddings", Who::key, embeddings},
    Route{"POST", "/v1/moderations", Who::key, moderations},
    Route{"GET", "/v1/streams/*", Who::key, join_stream},
    Route{"DELETE", "/v1/streams/*", Who::key, stop_stream},
    Route{"GET", "/v1/models", Who::key, list_models},
    Route{"GET", "/v1/models/*", Who::key, get_model},
    Route{"POST", "/api/v1/chat", Who::key, plain_chat},
    Route{"GET", "/api/v1/quota", Who::key, own_quota},
    Route{"GET", "/api/v1/models", Who::key, model_states},
    Route{"GET", "/api/v1/stability", Who::key, stability},
    Route{"GET", "/api/v1/status", Who::key, service_status},
    Route{"GET", "/livez", Who::anyone, livez},
    Route{"GET", "/readyz", Who::anyone, readyz},
    Route{"GET", "/health", Who::anyone, health},
    Route{"GET", "/api/v1/admin/*", Who::administrator, admin_door},
    Route{"POST", "/api/v1/admin/*", Who::administrator, admin_door},
    Route{"PATCH", "/api/v1/admin/*", Who::administrator, admin_door},
    Route{"PUT", "/api/v1/admin/*", Who::administrator, admin_door},
    Route{"DELETE", "/api/v1/admin/*", Who::administrator, admin_door},
};

bool fits(const Route& route, std::string_view path, std::string_view& rest) {
    if (!route.path.ends_with("/*")) return route.path == path;
    const std::string_view prefix = route.path.substr(0, route.path.size() - 1);
    if (path.size() <= prefix.size() || !path.starts_with(prefix)) return false;
    rest = path.substr(prefix.size());
    return true;
}

} // namespace

std::span<const Route> routes() { return table; }

Match match(std::string_view method, std::string_view path) {
    Match out;
    // What can be read can also be asked about.
    const std::string_view wanted = method == "HEAD" ? "GET" : method;
    for (const Route& route : table) {
        std::string_view rest;
        if (!fits(route, path, rest)) continue;
        if (route.method == wanted) return {&route, rest, {}};
        if (!out.allow.empty()) out.allow += ", ";
        out.allow += route.method;
    }
    return out;
}

} // namespace weir::endpoints
