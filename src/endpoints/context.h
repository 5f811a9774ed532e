#pragma once
// What a handler gets: the request, the parts of the road, and the record to write into.

#include "gateway/parts.h"
#include "gateway/responder.h"
#include "net/http/exchange.h"
#include "record/record.h"
#include "upstream/model_list.h"

#include <string>
#include <vector>

namespace weir::endpoints {

struct AdminWorld;

struct Context {
    gateway::Parts& parts;
    gateway::ThreadParts& mine;
    upstream::ModelList& model_list;
    AdminWorld& admin;
    net::Exchange& exchange;
    record::Record& record;
    std::string rest; // of the path, where the route ends with '/*'

    gateway::Responder responder() const {
        return gateway::Responder(exchange, record, dialects::Shape::openai);
    }
};

using Handle = net::Task<void> (*)(Context&);

} // namespace weir::endpoints
