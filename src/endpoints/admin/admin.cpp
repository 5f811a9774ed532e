#include "endpoints/admin/admin.h"

#include "endpoints/admin/filter.h"
#include "endpoints/admin/money.h"
#include "endpoints/admin/people.h"
#include "endpoints/admin/provider_keys.h"
#include "endpoints/admin/state.h"

#include <array>

namespace weir::endpoints {
namespace {

// A path is "things", "things/ID", "things/ID/verb" or "things/ID/parts/PART", whose id is
// "ID/PART"; ID may hold anything, slashes too.
struct AdminRoute {
    std::string_view method;
    std::string_view collection;
    enum class Form : std::uint8_t { all, one, verb, part } form;
    std::string_view verb;
    AdminTask (*handle)(AdminCall call);
};
using Form = AdminRoute::Form;

constexpr std::array table{
    AdminRoute{"GET", "users", Form::all, "", list_users},
    AdminRoute{"POST", "users", Form::all, "", add_user},
    AdminRoute{"PATCH", "users", Form::one, "", change_user},
    AdminRoute{"GET", "teams", Form::all, "", list_teams},
    AdminRoute{"POST", "teams", Form::all, "", add_team},
    AdminRoute{"GET", "keys", Form::all, "", list_keys},
    AdminRoute{"POST", "keys", Form::all, "", add_key},
    AdminRoute{"DELETE", "keys", Form::one, "", revoke_key},
    AdminRoute{"POST", "keys", Form::verb, "rotate", rotate_key},
    AdminRoute{"GET", "quotas", Form::all, "", show_quota},
    AdminRoute{"PUT", "quotas", Form::all, "", set_quota},
    AdminRoute{"GET", "ledger", Form::all, "", show_ledger},
    AdminRoute{"GET", "providers", Form::all, "", list_providers},
    AdminRoute{"POST", "providers", Form::verb, "test", test_provider},
    AdminRoute{"POST", "providers", Form::verb, "keys", add_provider_key},
    AdminRoute{"PATCH", "providers", Form::part, "keys", stage_provider_key},
    AdminRoute{"DELETE", "providers", Form::part, "keys", revoke_provider_key},
    AdminRoute{"GET", "filter", Form::all, "", list_filter_rules},
    AdminRoute{"POST", "filter", Form::verb, "test", test_filter},
    AdminRoute{"GET", "status", Form::all, "", show_status},
    AdminRoute{"GET", "explain", Form::all, "", explain},
};

bool fits(const AdminRoute& route, std::string_view collection, std::string_view rest,
          std::string& id) {
    if (route.collection != collection) return false;
    if (route.form == Form::all) return rest.empty();
    if (rest.empty()) return false;
    if (route.form == Form::one) {
        id = rest;
        return true;
    }
    if (route.form == Form::part) {
        const std::string between = "/" + std::string(route.verb) + "/";
        const std::size_t at = rest.rfind(between);
        if (at == 0 || at == std::string_view::npos || at + between.size() == rest.size())
            return false;
        id = rest.substr(0, at);
        id += "/";
        id += rest.substr(at + between.size());
        return true;
    }
    const std::string ending = "/" + std::string(route.verb);
    if (rest.size() <= ending.size() || !rest.ends_with(ending)) return false;
    id = rest.substr(0, rest.size() - ending.size());
    return true;
}

} // namespace

net::Task<Result<AdminReply>> administer(AdminWorld& world, gateway::ThreadParts& mine,
                                         AdminRequest request) {
    const std::string path = request.path;
    const std::size_t slash = path.find('/');
    const std::string_view collection = std::string_view(path).substr(0, slash);
    const std::string_view rest =
        slash == std::string::npos ? std::string_view() : std::string_view(path).substr(slash + 1);
    bool known = false;
    for (const AdminRoute& route : table) {
        std::string id;
        if (!fits(route, collection, rest, id)) continue;
        known = true;
        if (route.method != request.method) continue;
        AdminCall call{world, mine, request, std::move(id)};
        co_return co_await route.handle(std::move(call));
    }
    co_return refuse(known ? Errc::method_not_allowed : Errc::not_found);
}

} // namespace weir::endpoints
