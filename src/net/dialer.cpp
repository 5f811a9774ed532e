#include "net/dialer.h"

#include "base/limits.h"
#include "net/descriptor.h"
#include "net/signal.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <fmt/core.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

namespace weir::net {
namespace {

// Wakes a coroutine when the first of several things happens: an operation, a timer, an
// interruption.
struct Bell {
    Bell(Loop& loop, Interrupt& interrupt)
        : signal(loop),
          timer(
              loop.wheel(), [](void* self) { static_cast<Bell*>(self)->signal.notify(); }, this),
          scope(interrupt, [](void* self) { static_cast<Bell*>(self)->signal.notify(); }, this) {}
    Signal signal;
    Wheel::Timer timer;
    Interrupt::Scope scope;
};

// Addresses in the order to try them: the families in turn, each in the resolver's order.
std::vector<Endpoint> interleave(const std::vector<Endpoint>& endpoints) {
    std::vector<Endpoint> first;
    std::vector<Endpoint> second;
    for (const Endpoint& endpoint : endpoints) {
        const bool leads = endpoint.family() == endpoints.front().family();
        (leads ? first : second).push_back(endpoint);
    }
    std::vector<Endpoint> out;
    for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
        if (i < first.size()) out.push_back(first[i]);
        if (i < second.size()) out.push_back(second[i]);
    }
    return out;
}

// An address written as one, without a name to look up.
std::optional<Endpoint> parse_literal(const std::string& host, std::uint16_t port) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1)
        return Endpoint::from(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    if (::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1)
        return Endpoint::from(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
    return std::nullopt;
}

struct Lookup {
    std::string failure; // empty: it worked
    std::vector<Endpoint> endpoints;
};

// Blocks.
Lookup look_up(const std::string& host, std::uint16_t port) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    Lookup out;
    const int failed = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
    if (failed != 0) {
        out.failure = ::gai_strerror(failed);
        return out;
    }
    for (const addrinfo* at = found; at != nullptr; at = at->ai_next)
        out.endpoints.push_back(Endpoint::from(at->ai_addr, at->ai_addrlen));
    ::freeaddrinfo(found);
    if (out.endpoints.empty()) out.failure = "no address";
    return out;
}

// One connection attempt in flight.
class Attempt {
public:
    enum class State : std::uint8_t { pending, connected, failed };

    Attempt(Loop& loop, const Endpoint& endpoint, Signal& bell)
        : bell_(bell),
          descriptor_(
              loop,
              Socket(::socket(endpoint.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
              [](void* self, Descriptor::Ready ready) {
                  static_cast<Attempt*>(self)->on_ready(ready);
              },
              this) {
        if (!descriptor_.is_open()) {
            fail(errno);
            return;
        }
        const int begun = ::connect(descriptor_.number(), endpoint.address(), endpoint.length);
        if (begun == 0) state_ = State::connected;
        else if (errno != EINPROGRESS) fail(errno);
        else descriptor_.watch_writable();
    }

    State state() const { return state_; }
    const std::string& reason() const { return reason_; }
    Socket take() { return descriptor_.release(); }

private:
    void on_ready(Descriptor::Ready ready) {
        if (state_ != State::pending || !ready.writable) return;
        int failure = 0;
        socklen_t length = sizeof failure;
        ::getsockopt(descriptor_.number(), SOL_SOCKET, SO_ERROR, &failure, &length);
        if (failure != 0) fail(failure);
        else state_ = State::connected;
        bell_.notify();
    }
    void fail(int reason) {
        state_ = State::failed;
        reason_ = std::strerror(reason);
        descriptor_.close();
    }

    Signal& bell_;
    Descriptor descriptor_;
    State state_ = State::pending;
    std::string reason_;
};

} // namespace

Task<Result<Dialer::Endpoints>> Dialer::resolve(const std::string& host, std::uint16_t port,
                                                Deadline deadline, Interrupt& interrupt) {
    if (const auto literal = parse_literal(host, port)) co_return Endpoints{*literal};

    const std::string name = fmt::format("{}:{}", host, port);
    const SteadyTime now = loop_.clock().steady();
    if (const auto found = known_.find(name); found != known_.end() && found->second.until > now)
        co_return found->second.endpoints;

    // Shared with the thread that asks, which may still be asking when nobody waits any longer.
    struct Answer {
        std::optional<Lookup> lookup;
        Signal* bell = nullptr;
    };
    Bell bell(loop_, interrupt);
    const auto answer = std::make_shared<Answer>();
    answer->bell = &bell.signal;
    if (!resolvers_) resolvers_ = std::make_unique<BlockingPool>(1);
    resolvers_->post([host, port, answer, &loop = loop_] {
        loop.post([answer, lookup = look_up(host, port)]() mutable {
            answer->lookup = std::move(lookup);
            if (answer->bell != nullptr) answer->bell->notify();
        });
    });
    bell.timer.arm(deadline.left(now));
    while (!answer->lookup && !interrupt.requested() && !deadline.passed(loop_.clock().steady()))
        co_await bell.signal.wait();
    answer->bell = nullptr;
    if (interrupt.requested()) co_return refuse(Errc::client_left);
    if (!answer->lookup)
        co_return refuse(
            Error(Errc::upstream_timeout).because("resolving " + host + " took too long"));
    if (!answer->lookup->failure.empty()) {
        co_return refuse(Error(Errc::upstream_error)
                             .because("cannot resolve " + host + ": " + answer->lookup->failure));
    }
    if (known_.size() >= limits::dns_entries) known_.clear();
    known_[name] = {answer->lookup->endpoints, loop_.clock().steady() + limits::dns_time};
    co_return answer->lookup->endpoints;
}

Task<Result<Socket>> Dialer::dial(const std::string& host, std::uint16_t port, Deadline deadline,
                                  Interrupt& interrupt) {
    CO_TRY(const Endpoints resolved, co_await resolve(host, port, deadline, interrupt));
    const Endpoints endpoints = interleave(resolved);
    Bell bell(loop_, interrupt);
    std::vector<std::unique_ptr<Attempt>> attempts;
    SteadyTime next_start = loop_.clock().steady();
    Attempt* winner = nullptr;
    while (true) {
        std::size_t failed = 0;
        for (const auto& attempt : attempts) {
            if (attempt->state() == Attempt::State::connected) winner = attempt.get();
            if (attempt->state() == Attempt::State::failed) ++failed;
        }
        const SteadyTime now = loop_.clock().steady();
        if (interrupt.requested()) co_return refuse(Errc::client_left);
        if (winner != nullptr) break;
        if (deadline.passed(now)) {
            co_return refuse(
                Error(Errc::upstream_timeout)
                    .because(fmt::format("connecting to {}:{} took too long", host, port)));
        }
        if (failed == endpoints.size()) {
            known_.erase(fmt::format("{}:{}", host, port));
            co_return refuse(Error(Errc::upstream_error)
                                 .because(fmt::format("cannot connect to {}:{}: {}", host, port,
                                                      attempts.back()->reason())));
        }
        const bool more = attempts.size() < endpoints.size();
        if (more && (now >= next_start || failed == attempts.size())) {
            attempts.push_back(
                std::make_unique<Attempt>(loop_, endpoints[attempts.size()], bell.signal));
            next_start = now + limits::connect_attempt_delay;
            continue;
        }
        auto wait = deadline.left(now);
        if (more) wait = std::min(wait, std::chrono::nanoseconds(next_start - now));
        bell.timer.arm(wait);
        co_await bell.signal.wait();
    }
    Socket socket = winner->take();
    const int on = 1;
    ::setsockopt(socket.descriptor(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    co_return socket;
}

} // namespace weir::net
