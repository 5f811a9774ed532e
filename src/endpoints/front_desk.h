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
    net::Task<void> dispatch(net::Exchange& exchange, record::Record& record);
    void find_client(net::Exchange& exchange) const;
    std::string request_id(const wire::RequestHead& head) const;

    gateway::Parts& parts_;
    gateway::ThreadParts& mine_;
    AdminWorld& admin_;
    upstream::ModelList model_list_;
};

} // namespace weir::endpoints
