#include "reactor.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "clock.h"

namespace sim {
namespace {

constexpr int most_events = 256;

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

struct Address {
    sockaddr_storage storage{};
    socklen_t size = 0;
};

Address address_of(const Place& place) {
    Address address;
    auto* four = reinterpret_cast<sockaddr_in*>(&address.storage);
    auto* six = reinterpret_cast<sockaddr_in6*>(&address.storage);
    if (inet_pton(AF_INET, place.host.c_str(), &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(place.port);
        address.size = sizeof *four;
    } else if (inet_pton(AF_INET6, place.host.c_str(), &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(place.port);
        address.size = sizeof *six;
    } else {
        throw std::invalid_argument("not a literal address: " + place.host);
    }
    return address;
}

void set(int fd, int level, int option, int value) {
    if (setsockopt(fd, level, option, &value, sizeof value) != 0) fail("setsockopt");
}

} // namespace

int listen_on(const Place& place, Sharing sharing, std::uint32_t send_buffer) {
    const Address address = address_of(place);
    const int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) fail("socket");
    set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (sharing == Sharing::with_other_threads) set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    // Accepted sockets inherit all of this.
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (send_buffer != 0) {
        set(fd, SOL_SOCKET, SO_SNDBUF, static_cast<int>(send_buffer));
        // The peer acknowledges every second segment, or 40 ms later. Loopback segments are larger
        // than a small buffer, which would make each of them wait; these are as on a real network.
        set(fd, IPPROTO_TCP, TCP_MAXSEG, 1024);
    }
    if (bind(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0) {
        fail("bind");
    }
    if (listen(fd, 4096) != 0) fail("listen");
    return fd;
}

std::uint16_t port_of(int listener) {
    Address address;
    address.size = sizeof address.storage;
    if (getsockname(listener, reinterpret_cast<sockaddr*>(&address.storage), &address.size) != 0) {
        fail("getsockname");
    }
    // The port stands at the same place in both families.
    return ntohs(reinterpret_cast<const sockaddr_in*>(&address.storage)->sin_port);
}

Reactor::Reactor(int listener, Provider& provider)
    : listener_(listener),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      provider_(provider),
      scratch_(std::size_t(64) << 10U) {
    if (epoll_ < 0) fail("epoll_create1");
    epoll_event event{.events = EPOLLIN, .data = {.fd = listener_}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event) != 0) fail("epoll_ctl");
}

Reactor::~Reactor() {
    close(epoll_);
    close(listener_);
}

void Reactor::run() {
    std::vector<epoll_event> events(most_events);
    for (;;) {
        timespec pause{};
        timespec* timeout = nullptr;
        if (!alarms_.empty()) {
            const Nanos now = monotonic_ns();
            const Nanos left = alarms_.top().at > now ? alarms_.top().at - now : 0;
            pause.tv_sec = static_cast<time_t>(left / 1'000'000'000);
            pause.tv_nsec = static_cast<long>(left % 1'000'000'000);
            timeout = &pause;
        }
        const int count = epoll_pwait2(epoll_, events.data(), most_events, timeout, nullptr);
        if (count < 0 && errno != EINTR) fail("epoll_pwait2");
        for (int i = 0; i < count; ++i) {
            const epoll_event& event = events[static_cast<std::size_t>(i)];
            if (event.data.fd == listener_) {
                accept_all();
            } else {
                on_event(event.data.fd, event.events);
            }
        }
        ring_alarms();
    }
}

void Reactor::accept_all() {
    for (;;) {
        const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        if (slots_.size() <= static_cast<std::size_t>(fd)) {
            slots_.resize(static_cast<std::size_t>(fd) + 64);
        }
        slots_[static_cast<std::size_t>(fd)] = {
            std::make_unique<Connection>(fd, next_number_++, provider_, parser_), 0, false};
        epoll_event event{.events = EPOLLIN | EPOLLRDHUP, .data = {.fd = fd}};
        if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
    }
}

void Reactor::on_event(int fd, std::uint32_t events) {
    Slot& slot = slots_[static_cast<std::size_t>(fd)];
    if (!slot.connection) return;
    Verdict verdict = Verdict::keep;
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        verdict = slot.connection->on_readable(scratch_);
    }
    if (verdict == Verdict::keep && (events & EPOLLOUT) != 0) verdict = slot.connection->resume();
    settle(fd, verdict);
}

// Brings epoll and the alarms in line with what the connection wants now.
void Reactor::settle(int fd, Verdict verdict) {
    Slot& slot = slots_[static_cast<std::size_t>(fd)];
    if (verdict == Verdict::close) {
        slot = Slot();
        return;
    }
    if (slot.connection->wants_write() != slot.watches_write) {
        slot.watches_write = slot.connection->wants_write();
        const std::uint32_t wanted = slot.watches_write ? EPOLLOUT : 0U;
        epoll_event event{.events = EPOLLIN | EPOLLRDHUP | wanted, .data = {.fd = fd}};
        if (epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event) != 0) fail("epoll_ctl");
    }
    const Nanos wake_at = slot.connection->wake_at();
    if (wake_at == slot.armed_at) return;
    slot.armed_at = wake_at;
    if (wake_at != 0) alarms_.push({wake_at, fd, slot.connection->number()});
}

void Reactor::ring_alarms() {
    const Nanos now = alarms_.empty() ? 0 : monotonic_ns();
    while (!alarms_.empty() && alarms_.top().at <= now) {
        const Alarm alarm = alarms_.top();
        alarms_.pop();
        Slot& slot = slots_[static_cast<std::size_t>(alarm.fd)];
        const bool valid = slot.connection && slot.connection->number() == alarm.number &&
                           slot.armed_at == alarm.at;
        if (!valid) continue;
        slot.armed_at = 0;
        settle(alarm.fd, slot.connection->resume());
    }
}

} // namespace sim
