// Drives many clients against one target from one epoll loop: a closed loop, where each connection
// sends as soon as it is answered, or an open one at a fixed rate; or many slow streams that are
// opened and then held.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "client.h"
#include "request_maker.h"

namespace load {

struct Pace {
    std::size_t connections = 32;
    std::uint64_t requests = 0;    // 0: until the time is over
    std::uint64_t duration_ns = 0; // 0: until the requests are done
    double rate = 0;               // requests a second; 0: closed loop
    std::uint64_t timeout_ns = 30'000'000'000;
};

struct Outcome {
    std::uint64_t requests = 0;
    std::uint64_t ok = 0;
    std::map<std::string, std::uint64_t> failures;
    double seconds = 0;
    Measured measured;
};

class Driver {
public:
    // Lifetime: `maker` outlives it.
    Driver(const Target& target, const Plan& plan, const Pace& pace, RequestMaker& maker);
    Driver(const Driver&) = delete;
    Driver& operator=(const Driver&) = delete;
    ~Driver();

    // Until the pace is served and every answer is there or has timed out.
    Outcome run();

    // Opens all connections, one stream on each, and returns once each has begun or failed.
    Outcome open_streams();

    // Keeps what open_streams() opened for so long, or until standard input ends; counts the
    // streams that do not stay.
    void hold(std::uint64_t nanoseconds, Outcome& outcome);

private:
    void start(std::size_t index, std::uint64_t began_at);
    void start_what_is_due(std::uint64_t now);
    bool may_start(std::uint64_t now) const;
    void wait(std::uint64_t until);
    void on_event(std::size_t index, std::uint32_t events);
    void finish(std::size_t index);
    void watch(std::size_t index);
    void time_out(std::uint64_t now);

    const Target& target_;
    const Plan plan_;
    const Pace pace_;
    RequestMaker& maker_;
    const int epoll_;
    std::vector<Client> clients_;
    std::vector<std::uint32_t> watched_; // what epoll watches for each client, 0: nothing
    std::vector<char> scratch_;
    std::deque<std::size_t> idle_;
    Outcome outcome_;
    std::uint64_t began_at_ = 0;
    std::uint64_t started_ = 0;
    std::uint64_t busy_ = 0;
    std::uint64_t scheduled_ = 0; // open loop: requests whose time has come
    std::uint64_t next_check_ = 0;
};

} // namespace load
