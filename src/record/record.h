#pragma once
// The diary of one request. Stations write facts into it; it is published once, at the end, and
// whoever measures, logs or stores reads it there. No prompt text and no secret is ever in it.

#include "base/clock.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::record {

struct Record {
    std::string request_id;
    WallTime at{};
    std::string method;
    std::string path;
    std::string peer;
    std::string key;  // its public id
    std::string user; // an e-mail
    std::string model;
    std::string provider;
    std::string upstream_model;
    std::string_view outcome; // complete, interrupted, cancelled, refused
    std::string_view code;    // of the error, where there was one
    std::string detail;       // its private part
    int status = 0;
    bool streamed = false;
    std::int64_t tokens_in = 0;
    std::int64_t tokens_out = 0;
    std::int64_t nanousd = 0;
    bool estimated = false;
    std::chrono::nanoseconds total{};
    std::chrono::nanoseconds first_event{}; // zero: there was none
};

// A fact that belongs to no single request.
struct Event {
    std::string kind; // such as "provider_key_suspended"
    std::string detail;
};

class Sink {
public:
    virtual ~Sink() = default;
    // Thread: any; must not block.
    virtual void publish(const Record& record) = 0;
    virtual void publish(const Event& event) = 0;
};

} // namespace weir::record
