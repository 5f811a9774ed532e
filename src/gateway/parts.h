#pragma once
// What the road is made of: the stations, wired once in app/ and shared by every thread, and what
// each thread has of its own.

#include "access/access.h"
#include "config/config.h"
#include "filter/checked.h"
#include "limits/gate.h"
#include "net/http/http_client.h"
#include "quota/ledger.h"
#include "quota/token_meter.h"
#include "record/record.h"
#include "streams/idempotency.h"
#include "streams/response_store.h"
#include "streams/single_flight.h"
#include "streams/stream_index.h"
#include "upstream/upstream.h"

#include <atomic>
#include <unordered_set>

namespace weir::gateway {

struct Parts {
    const Clock& clock;
    Random& random;
    access::Access& access;
    limits::Gate& gate;
    filter::Rules& filter;
    quota::Ledger& ledger;
    upstream::Upstream& upstream;
    streams::StreamIndex& streams;
    streams::Idempotency& idempotency;
    quota::TokenMeter& meter;
    streams::SingleFlight& flights;
    streams::ResponseStore& responses;
    record::Sink& sink;
    std::atomic<bool>& draining;
    std::atomic<std::int64_t>& running; // answers being made or written
};

class Generation;

struct ThreadParts {
    net::Loop& loop;
    net::HttpClient& client;
    std::unordered_set<Generation*> generations = {}; // alive on this thread
};

} // namespace weir::gateway
