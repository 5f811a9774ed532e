#pragma once
// Where every request arrives: finds its route, opens its record, sees that it is answered, and
// publishes the record once. One per thread.

#include "endpoints/context.h"
#include "endpoints/routes.h"
#include "net/http/http_server.h"

namespace weir::endpoints {

class FrontDesk final : public net::Handler {
public:
    FrontDesk(gateway::Parts& parts, gateway::ThreadParts& mine, AdminWorld& admin)
        : parts_(parts),
          mine_(mine),
          admin_(admin),
          model_list_(mine.loop, mine.client, parts.upstream.keys()) {}

    net::Task<void> serve(net::Exchange& exchange) override;
    net::Response refusal(int status, std::string_view reason) override;

private:
    // The route that a request may take.
    // Errors: not_found, method_not_allowed, invalid_api_key, role_required, rate_limit_exceeded.
    WEIR_OWN_FRAME Result<const Route*> judge(Context& context);
    static net::Task<void> refuse(Context& context, Error why);
    WEIR_OWN_FRAME net::Task<void> answer(Context& context);
    void find_client(net::Exchange& exchange) const;
    std::string request_id(const wire::RequestHead& head) const;

    gateway::Parts& parts_;
    gateway::ThreadParts& mine_;
    AdminWorld& admin_;
    upstream::ModelList model_list_;
};

} // namespace weir::endpoints
