#include "net/dialer.h"

#include "base/limits.h"

#include <algorithm>
#include <fmt/core.h>

namespace weir::net {

namespace asio = boost::asio;
using asio::ip::tcp;

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
std::vector<tcp::endpoint> interleave(const std::vector<tcp::endpoint>& endpoints) {
    std::vector<tcp::endpoint> first;
    std::vector<tcp::endpoint> second;
    for (const auto& endpoint : endpoints) {
        const bool leads = endpoint.protocol() == endpoints.front().protocol();
        (leads ? first : second).push_back(endpoint);
    }
    std::vector<tcp::endpoint> out;
    for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
        if (i < first.size()) out.push_back(first[i]);
        if (i < second.size()) out.push_back(second[i]);
    }
    return out;
}

// Connection attempts in flight. The operations own it, for they may complete after the race was
// called off.
struct Race {
    std::vector<std::unique_ptr<tcp::socket>> sockets;
    std::size_t failed = 0;
    tcp::socket* winner = nullptr;
    std::string reason;
    Signal* bell = nullptr; // null once nobody waits

    static void start(const std::shared_ptr<Race>& race, Loop& loop,
                      const tcp::endpoint& endpoint) {
        auto& socket = *race->sockets.emplace_back(std::make_unique<tcp::socket>(loop.io()));
        socket.async_connect(endpoint, [race, &socket](const boost::system::error_code& failure) {
            if (failure) {
                ++race->failed;
                race->reason = failure.message();
            } else if (race->winner == nullptr) {
                race->winner = &socket;
            }
            if (race->bell != nullptr) race->bell->notify();
        });
    }
    void call_off() {
        bell = nullptr;
        boost::system::error_code ignored;
        for (auto& socket : sockets)
            if (socket.get() != winner) socket->close(ignored);
    }
};

} // namespace

Task<Result<Dialer::Endpoints>> Dialer::resolve(const std::string& host, std::uint16_t port,
                                                Deadline deadline, Interrupt& interrupt) {
    boost::system::error_code literal_failure;
    const auto literal = asio::ip::make_address(host, literal_failure);
    if (!literal_failure) co_return Endpoints{tcp::endpoint(literal, port)};

    const std::string name = fmt::format("{}:{}", host, port);
    const SteadyTime now = loop_.clock().steady();
    if (const auto found = known_.find(name); found != known_.end() && found->second.until > now)
        co_return found->second.endpoints;

    struct Answer {
        bool there = false;
        boost::system::error_code failure;
        Endpoints endpoints;
        Signal* bell = nullptr;
    };
    Bell bell(loop_, interrupt);
    const auto answer = std::make_shared<Answer>();
    answer->bell = &bell.signal;
    resolver_.async_resolve(host, std::to_string(port),
                            [answer](const boost::system::error_code& failure,
                                     const tcp::resolver::results_type& results) {
                                answer->there = true;
                                answer->failure = failure;
                                for (const auto& entry : results)
                                    answer->endpoints.push_back(entry);
                                if (answer->bell != nullptr) answer->bell->notify();
                            });
    bell.timer.arm(deadline.left(now));
    while (!answer->there && !interrupt.requested() && !deadline.passed(loop_.clock().steady()))
        co_await bell.signal.wait();
    answer->bell = nullptr;
    if (interrupt.requested()) co_return refuse(Errc::client_left);
    if (!answer->there)
        co_return refuse(
            Error(Errc::upstream_timeout).because("resolving " + host + " took too long"));
    if (answer->failure || answer->endpoints.empty()) {
        co_return refuse(Error(Errc::upstream_error)
                             .because("cannot resolve " + host + ": " + answer->failure.message()));
    }
    if (known_.size() >= limits::dns_entries) known_.clear();
    known_[name] = {answer->endpoints, loop_.clock().steady() + limits::dns_time};
    co_return answer->endpoints;
}

Task<Result<Socket>> Dialer::dial(const std::string& host, std::uint16_t port, Deadline deadline,
                                  Interrupt& interrupt) {
    CO_TRY(const Endpoints resolved, co_await resolve(host, port, deadline, interrupt));
    const Endpoints endpoints = interleave(resolved);
    Bell bell(loop_, interrupt);
    const auto race = std::make_shared<Race>();
    race->bell = &bell.signal;
    std::size_t next = 0;
    SteadyTime next_start = loop_.clock().steady();
    while (race->winner == nullptr) {
        const SteadyTime now = loop_.clock().steady();
        if (interrupt.requested() || deadline.passed(now)) break;
        if (race->failed == next && next == endpoints.size()) break; // all have failed
        if (next < endpoints.size() && (now >= next_start || race->failed == next)) {
            Race::start(race, loop_, endpoints[next++]);
            next_start = now + limits::connect_attempt_delay;
        }
        auto wait = deadline.left(now);
        if (next < endpoints.size())
            wait = std::min(wait, std::chrono::nanoseconds(next_start - now));
        bell.timer.arm(wait);
        co_await bell.signal.wait();
    }
    race->call_off();
    if (interrupt.requested()) co_return refuse(Errc::client_left);
    if (race->winner == nullptr && race->failed == endpoints.size()) {
        known_.erase(fmt::format("{}:{}", host, port));
        co_return refuse(
            Error(Errc::upstream_error)
                .because(fmt::format("cannot connect to {}:{}: {}", host, port, race->reason)));
    }
    if (race->winner == nullptr) {
        co_return refuse(
            Error(Errc::upstream_timeout)
                .because(fmt::format("connecting to {}:{} took too long", host, port)));
    }
    boost::system::error_code ignored;
    race->winner->set_option(tcp::no_delay(true), ignored);
    co_return Socket(std::move(*race->winner));
}

} // namespace weir::net
