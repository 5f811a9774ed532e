// What clients did to their connections: the last 1,000 answers they left early, each with the
// moment the simulator saw it, so that a test can measure how fast a cancellation arrives; and,
// when asked for, the last requests as they came in.
// Thread: any.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>

#include "bill.h"

namespace sim {

struct Departure {
    std::string model;
    std::uint64_t connection = 0;
    std::uint64_t chunks = 0;                 // content chunks whose last byte the socket had taken
    std::string how;                          // fin | reset
    std::uint64_t closed_at_us = 0;           // wall clock
    std::uint64_t closed_at_monotonic_ns = 0; // CLOCK_MONOTONIC
};

struct Received {
    std::uint64_t connection = 0;
    std::string head;
    std::string body;
};

class Journal {
public:
    explicit Journal(std::size_t requests_kept) : requests_kept_(requests_kept) {}

    bool keeps_requests() const { return requests_kept_ > 0; }
    void add(Departure departure);
    void add(Received received);
    void clear();

    // Both newest first.
    std::string connections_json() const;
    std::string requests_json() const;

    Counter accepted = 0;
    Counter open = 0;

private:
    const std::size_t requests_kept_;
    mutable std::mutex mutex_;
    std::deque<Departure> departures_;
    std::deque<Received> received_;
};

} // namespace sim
