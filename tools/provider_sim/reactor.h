// One thread's event loop: a listening socket, its connections and their timers. Several reactors
// may listen on the same port. Thread: run() never returns; everything else before it.
#pragma once

#include <cstdint>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "connection.h"

namespace sim {

struct Place {
    std::string host; // a literal address
    std::uint16_t port = 0;
};

enum class Sharing { alone, with_other_threads };

// A listening socket. Throws std::system_error or std::invalid_argument with a clear line.
int listen_on(const Place& place, Sharing sharing, std::uint32_t send_buffer);
std::uint16_t port_of(int listener);

class Reactor {
public:
    Reactor(int listener, Provider& provider);
    Reactor(const Reactor&) = delete;
    Reactor& operator=(const Reactor&) = delete;
    ~Reactor();

    [[noreturn]] void run();

private:
    struct Slot {
        std::unique_ptr<Connection> connection;
        Nanos armed_at = 0;
        bool watches_write = false;
    };
    struct Alarm {
        Nanos at;
        int fd;
        std::uint64_t number;
        bool operator>(const Alarm& other) const { return at > other.at; }
    };

    void accept_all();
    void ring_alarms();
    void on_event(int fd, std::uint32_t events);
    void settle(int fd, Verdict verdict);

    const int listener_;
    const int epoll_;
    Provider& provider_;
    simdjson::dom::parser parser_;
    std::vector<char> scratch_;
    std::vector<Slot> slots_; // by file descriptor
    std::priority_queue<Alarm, std::vector<Alarm>, std::greater<>> alarms_;
    std::uint64_t next_number_ = 1;
};

} // namespace sim
