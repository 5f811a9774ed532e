#include "client.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "clock.h"

namespace load {

// Only clients without an exchange are moved: an exchange points into its client.
Client::Client(Client&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

Client::~Client() { close(); }

void Client::close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    connecting_ = false;
    output_.clear();
}

bool Client::open(const Target& target) {
    if (is_open()) return true;
    fd_ = socket(target.address.sin6_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return false;
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const auto* address = reinterpret_cast<const sockaddr*>(&target.address);
    connecting_ = connect(fd_, address, target.address_size) != 0;
    if (connecting_ && errno != EINPROGRESS) {
        close();
        return false;
    }
    return true;
}

void Client::begin(const Plan& plan, Measured& measured, std::string_view request,
                   std::string_view prompt, std::uint64_t began_at) {
    finished_ = false;
    if (plan.script.echo) prompt_ = prompt;
    exchange_.emplace(plan, measured, prompt_, began_at);
    output_ = request;
    if (!connecting_) flush();
}

void Client::flush() {
    while (!output_.empty()) {
        const ssize_t sent = send(fd_, output_.data(), output_.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) return;
        // A broken connection shows on the next read, with whatever answer came before it.
        output_.erase(0, sent < 0 ? output_.size() : static_cast<std::size_t>(sent));
    }
}

void Client::writable() {
    if (connecting_) {
        int fault = 0;
        socklen_t size = sizeof fault;
        getsockopt(fd_, SOL_SOCKET, SO_ERROR, &fault, &size);
        if (fault != 0) return fail("connect");
        connecting_ = false;
    }
    flush();
}

void Client::readable(std::span<char> scratch) {
    const ssize_t count = recv(fd_, scratch.data(), scratch.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (!exchange_) return close();
    if (count > 0) {
        const std::string_view bytes(scratch.data(), static_cast<std::size_t>(count));
        finished_ = exchange_->feed(bytes, sim::monotonic_ns());
        return;
    }
    const char* how = connecting_ ? "connect" : count == 0 ? "eof" : "reset";
    finished_ = exchange_->end_of_input(how, sim::monotonic_ns());
    close();
}

void Client::fail(std::string_view kind) {
    if (exchange_) exchange_->fail(std::string(kind));
    finished_ = true;
    close();
}

void Client::clear() {
    const bool keeps = exchange_ && exchange_->failure().empty() && exchange_->keeps_alive();
    const bool refused = exchange_ && exchange_->failure().starts_with("status_");
    if (!keeps && !(refused && exchange_->keeps_alive())) close();
    exchange_.reset();
    finished_ = false;
}

} // namespace load
