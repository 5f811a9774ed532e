#include "driver.h"

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "clock.h"

namespace load {
namespace {

constexpr std::uint64_t second = 1'000'000'000;
constexpr std::size_t most_opening = 128; // streams that are being opened at a time

} // namespace

Driver::Driver(const Target& target, const Plan& plan, const Pace& pace, RequestMaker& maker)
    : target_(target),
      plan_(plan),
      pace_(pace),
      maker_(maker),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      clients_(pace.connections),
      watched_(pace.connections, 0),
      scratch_(std::size_t(256) << 10U) {
    if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
    for (std::size_t i = 0; i < clients_.size(); ++i) idle_.push_back(i);
}

Driver::~Driver() { close(epoll_); }

void Driver::watch(std::size_t index) {
    const Client& client = clients_[index];
    if (!client.is_open()) {
        watched_[index] = 0;
        return;
    }
    const std::uint32_t wanted = EPOLLIN | (client.want() == Want::write ? EPOLLOUT : 0U);
    if (wanted == watched_[index]) return;
    epoll_event event{.events = wanted, .data = {.u64 = index}};
    const int action = watched_[index] == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (epoll_ctl(epoll_, action, client.fd(), &event) != 0) {
        throw std::system_error(errno, std::generic_category(), "epoll_ctl");
    }
    watched_[index] = wanted;
}

void Driver::start(std::size_t index, std::uint64_t began_at) {
    Client& client = clients_[index];
    if (!client.is_open()) watched_[index] = 0;
    ++outcome_.requests;
    if (!client.open(target_)) {
        ++outcome_.failures["connect"];
        idle_.push_back(index);
        return;
    }
    const std::string_view request = maker_.make(started_);
    client.begin(plan_, outcome_.measured, request, maker_.prompt(), began_at);
    ++busy_;
    watch(index);
}

bool Driver::may_start(std::uint64_t now) const {
    if (idle_.empty()) return false;
    if (pace_.requests != 0 && started_ >= pace_.requests) return false;
    if (pace_.duration_ns != 0 && now >= began_at_ + pace_.duration_ns) return false;
    if (plan_.mode == Mode::idle) return busy_ < most_opening;
    return pace_.rate == 0 || started_ < scheduled_;
}

// In an open loop the clock of a request runs from the moment it was due, so that a slow target
// cannot hide its queue.
void Driver::start_what_is_due(std::uint64_t now) {
    const double interval = pace_.rate > 0 ? static_cast<double>(second) / pace_.rate : 0;
    if (interval > 0) {
        const auto elapsed = static_cast<double>(now - began_at_);
        scheduled_ = 1 + static_cast<std::uint64_t>(elapsed / interval);
    }
    while (may_start(now)) {
        const std::size_t index = idle_.front();
        idle_.pop_front();
        std::uint64_t began_at = sim::monotonic_ns();
        if (interval > 0) {
            began_at =
                began_at_ + static_cast<std::uint64_t>(static_cast<double>(started_) * interval);
        }
        start(index, began_at);
        ++started_;
    }
}

void Driver::finish(std::size_t index) {
    Client& client = clients_[index];
    const std::string failure = client.exchange().failure();
    if (failure.empty()) {
        ++outcome_.ok;
    } else {
        ++outcome_.failures[failure];
    }
    --busy_;
    client.clear();
    watch(index);
    idle_.push_back(index);
}

void Driver::on_event(std::size_t index, std::uint32_t events) {
    Client& client = clients_[index];
    if (!client.is_open()) return;
    if ((events & EPOLLOUT) != 0) client.writable();
    const bool speaks = (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0;
    if (speaks && client.is_open() && !client.finished()) client.readable(scratch_);
    if (client.finished()) return finish(index);
    watch(index);
}

void Driver::wait(std::uint64_t until) {
    std::array<epoll_event, 256> events{};
    const std::uint64_t now = sim::monotonic_ns();
    const std::uint64_t left = until > now ? until - now : 0;
    const timespec timeout{.tv_sec = static_cast<time_t>(left / second),
                           .tv_nsec = static_cast<long>(left % second)};
    const int count = epoll_pwait2(epoll_, events.data(), events.size(), &timeout, nullptr);
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        on_event(event.data.u64, event.events);
    }
}

void Driver::time_out(std::uint64_t now) {
    if (now < next_check_) return;
    next_check_ = now + second / 10;
    for (std::size_t i = 0; i < clients_.size(); ++i) {
        Client& client = clients_[i];
        if (!client.busy() || now < client.exchange().began_at() + pace_.timeout_ns) continue;
        if (plan_.mode == Mode::idle && client.exchange().has_begun()) continue;
        client.fail("timeout");
        finish(i);
    }
}

Outcome Driver::run() {
    began_at_ = sim::monotonic_ns();
    for (;;) {
        const std::uint64_t now = sim::monotonic_ns();
        start_what_is_due(now);
        time_out(now);
        const bool all_begun = pace_.requests != 0 && started_ >= pace_.requests;
        const bool time_over = pace_.duration_ns != 0 && now >= began_at_ + pace_.duration_ns;
        if (busy_ == 0 && (all_begun || time_over)) break;
        std::uint64_t until = now + second / 10;
        if (pace_.rate > 0 && !idle_.empty() && !all_begun && !time_over) {
            const double due =
                static_cast<double>(started_) * static_cast<double>(second) / pace_.rate;
            until = std::min(until, began_at_ + static_cast<std::uint64_t>(due));
        }
        wait(until);
    }
    outcome_.seconds = static_cast<double>(sim::monotonic_ns() - began_at_) / double(second);
    return std::move(outcome_);
}

Outcome Driver::open_streams() {
    began_at_ = sim::monotonic_ns();
    std::size_t held = 0;
    for (;;) {
        const std::uint64_t now = sim::monotonic_ns();
        // Streams that have begun no longer count as being opened.
        busy_ -= held;
        start_what_is_due(now);
        busy_ += held;
        time_out(now);
        held = static_cast<std::size_t>(std::ranges::count_if(clients_, [](const Client& client) {
            return client.busy() && client.exchange().has_begun();
        }));
        if (started_ >= pace_.requests && busy_ == held) break;
        wait(now + second / 100);
    }
    outcome_.ok = held;
    outcome_.seconds = static_cast<double>(sim::monotonic_ns() - began_at_) / double(second);
    return outcome_;
}

void Driver::hold(std::uint64_t nanoseconds, Outcome& outcome) {
    const std::uint64_t end = sim::monotonic_ns() + nanoseconds;
    const std::uint64_t opened = busy_;
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    while (sim::monotonic_ns() < end) {
        wait(std::min(end, sim::monotonic_ns() + second / 10));
        if (poll(&input, 1, 0) > 0) break;
    }
    outcome.failures = outcome_.failures;
    if (busy_ < opened) outcome.failures["not_held"] += opened - busy_;
}

} // namespace load
