#pragma once
// A socket whose readiness a loop watches and tells its owner, on edges: once each time something
// new can be read, and, after watch_writable(), written. Thread: the loop's only.

#include "net/loop.h"

#include <cstdint>
#include <unistd.h>
#include <utility>

namespace weir::net {

// An open descriptor with one owner, closed with it.
class Socket {
public:
    Socket() = default;
    explicit Socket(int descriptor) : descriptor_(descriptor) {}
    Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    Socket& operator=(Socket&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    ~Socket() { close(); }

    int descriptor() const { return descriptor_; }
    bool is_open() const { return descriptor_ >= 0; }
    void close() {
        if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
    }

private:
    int descriptor_ = -1;
};

class Descriptor {
public:
    struct Ready {
        bool readable = false;
        bool writable = false;
        bool ended = false; // the peer sent its end, or the connection broke: a read will tell
    };
    using Tell = void (*)(void* owner, Ready ready);

    // `tell` may destroy the descriptor. Where the system refuses to watch it, it comes out closed.
    Descriptor(Loop& loop, Socket socket, Tell tell, void* owner);
    ~Descriptor() { close(); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;

    void watch_writable();
    void close();
    bool is_open() const { return socket_.is_open(); }
    int number() const { return socket_.descriptor(); }
    // Gives the socket away, watched no longer.
    Socket release();

private:
    friend class Loop;
    void tell(std::uint32_t events);

    Loop& loop_;
    Socket socket_;
    Tell tell_;
    void* owner_;
    bool writable_watched_ = false;
};

} // namespace weir::net
