#include "net/http/http_client.h"

#include "base/limits.h"
#include "base/text.h"
#include "wire/head_collector.h"
#include "wire/head_writer.h"

#include <cerrno>
#include <fmt/core.h>
#include <sys/socket.h>

namespace weir::net {
namespace {

constexpr std::chrono::milliseconds trusted_rest{200};

// With a reset: a provider could take a mere end of input for a client that still reads.
void abort_stream(void* stream) { static_cast<Stream*>(stream)->reset(); }

} // namespace

Error Call::failure(IoEnd end, std::string_view doing) const {
    if (interrupt_->requested()) return Errc::client_left;
    const Errc code = end == IoEnd::timeout ? Errc::upstream_timeout : Errc::upstream_error;
    return Error(code).because(fmt::format("{} {}: {}", doing, origin_->host, name(end)));
}

Error Call::broken_body(IoEnd end) const {
    if (end == IoEnd::closed && !interrupt_->requested())
        return Error(Errc::stream_truncated).because(origin_->host + " closed in the body");
    return failure(end, "reading from");
}

Error Call::malformed_body(const wire::Fault& fault) const {
    return Error(Errc::upstream_error)
        .because(fmt::format("the body of {} is malformed: {}", origin_->host, fault.reason));
}

Call::~Call() {
    if (!connection_) return;
    if (keep_alive_ && answer_begun_ && body_.done() && connection_->pending.empty() &&
        !interrupt_->requested()) {
        client_->give_back(*origin_, std::move(connection_));
    } else {
        // With a reset, so that a provider in the middle of an answer stops at once.
        connection_->stream.reset();
    }
}

Task<Result<void>> Call::send(std::string_view request) {
    if (interrupt_->requested()) co_return refuse(Errc::client_left);
    const Interrupt::Scope scope(*interrupt_, abort_stream, &connection_->stream);
    auto written = co_await connection_->stream.write(request, limits::write_stall_time);
    if (!written) co_return refuse(failure(written.error(), "writing to"));
    co_return Result<void>();
}

Task<Result<std::string_view>> Call::more(std::chrono::milliseconds timeout) {
    if (interrupt_->requested()) co_return refuse(Errc::client_left);
    const Interrupt::Scope scope(*interrupt_, abort_stream, &connection_->stream);
    auto bytes = co_await connection_->stream.read(timeout);
    if (!bytes) co_return refuse(failure(bytes.error(), "reading from"));
    co_return *bytes;
}

Task<Result<wire::ResponseHead>> Call::read_head(std::chrono::milliseconds timeout) {
    wire::HeadCollector collector;
    const Deadline deadline = Deadline::at(connection_->stream.loop().clock().steady() + timeout);
    while (true) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(
            deadline.left(connection_->stream.loop().clock().steady()));
        std::string_view bytes = connection_->pending;
        const bool from_pending = !bytes.empty();
        // A head that comes in drops keeps no timer waiting long enough to fire.
        if (left.count() == 0) co_return refuse(failure(IoEnd::timeout, "reading from"));
        if (!from_pending) {
            CO_TRY(bytes, co_await more(std::max(left, std::chrono::milliseconds(1))));
        }
        answer_begun_ = true;
        auto step = collector.feed(bytes);
        if (!step) {
            co_return refuse(Error(Errc::upstream_error)
                                 .because(fmt::format("the answer of {} is not HTTP: {}",
                                                      origin_->host, step.error().reason)));
        }
        if (from_pending) connection_->pending.erase(0, step->used);
        else connection_->pending.assign(bytes.substr(step->used));
        if (!step->whole) continue;
        auto head = wire::ResponseHead::parse(collector.take());
        if (!head) {
            co_return refuse(Error(Errc::upstream_error)
                                 .because(fmt::format("the answer of {} is malformed: {}",
                                                      origin_->host, head.error().reason)));
        }
        if (head->informational()) continue;
        body_ = wire::BodyDecoder(head->framing());
        keep_alive_ = head->keep_alive();
        const auto coding = head->find("content-encoding");
        if (coding && !equal_ignoring_case(*coding, "identity")) {
            co_return refuse(
                Error(Errc::upstream_error)
                    .because("the answer of " + origin_->host + " is compressed, unasked"));
        }
        co_return std::move(*head);
    }
}

Task<Result<std::string_view>> Call::read_body(std::chrono::milliseconds timeout) {
    while (!body_.done()) {
        std::string_view bytes = connection_->pending;
        const bool from_pending = !bytes.empty();
        if (!from_pending) {
            if (interrupt_->requested()) co_return refuse(Errc::client_left);
            // An answer that rests keeps no buffer.
            if (connection_->pending.capacity() > 64) std::string().swap(connection_->pending);
            const Interrupt::Scope scope(*interrupt_, abort_stream, &connection_->stream);
            auto read = co_await connection_->stream.read(timeout);
            if (!read && read.error() == IoEnd::closed && body_.complete_at_end_of_input()) break;
            if (!read) co_return std::unexpected(broken_body(read.error()));
            bytes = *read;
        }
        auto step = body_.feed(bytes);
        if (!step) co_return std::unexpected(malformed_body(step.error()));
        if (from_pending) {
            // The piece must outlive the erased prefix: it is lent from the scratch buffer instead.
            const auto scratch = connection_->stream.loop().scratch();
            const std::size_t length = std::min(step->piece.size(), scratch.size());
            std::copy_n(step->piece.data(), length, scratch.data());
            connection_->pending.erase(0, step->used);
            if (length > 0) co_return std::string_view(scratch.data(), length);
            continue;
        }
        connection_->pending.assign(bytes.substr(step->used));
        if (!step->piece.empty()) co_return step->piece;
    }
    co_return std::string_view();
}

void Call::finish_ready() {
    std::string bytes = std::exchange(connection_->pending, {});
    if (bytes.empty() && !body_.done())
        if (const auto more = connection_->stream.read_now()) bytes = *more;
    std::string_view rest = bytes;
    while (!rest.empty() && !body_.done()) {
        const auto step = body_.feed(rest);
        if (!step) return;
        rest.remove_prefix(step->used);
    }
    connection_->pending = rest;
}

Task<Result<Call>> HttpClient::open(const Origin& origin, Deadline connect_deadline,
                                    Interrupt& interrupt, Reuse reuse) {
    if (interrupt.requested()) co_return refuse(Errc::client_left);
    if (reuse == Reuse::allowed) {
        if (auto idle = take_idle(origin))
            co_return Call(*this, origin, std::move(idle), interrupt);
    }
    CO_TRY(auto fresh, co_await connect(origin, connect_deadline, interrupt));
    co_return Call(*this, origin, std::move(fresh), interrupt);
}

std::unique_ptr<HttpClient::Connection> HttpClient::take_idle(const Origin& origin) {
    const auto found = idle_.find(origin);
    if (found == idle_.end()) return nullptr;
    const SteadyTime oldest = loop_.clock().steady() - limits::upstream_idle_time;
    auto& connections = found->second;
    while (!connections.empty()) {
        // The youngest is the likeliest to be alive; the oldest then age out of the front.
        auto connection = std::move(connections.back());
        connections.pop_back();
        --idle_count_;
        if (connection->idle_since < oldest) continue;
        // One that rested but a moment, and that nothing was heard of, is taken on trust: if it is
        // dead after all, the caller sees it fail before any answer and asks for a fresh one.
        const bool rested = loop_.clock().steady() - connection->idle_since >= trusted_rest;
        if (!rested && connection->stream.is_quiet()) return connection;
        // Bytes or an end of input on an idle connection: either way it is no use any more.
        char byte = 0;
        if (::recv(connection->stream.descriptor(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) != -1 ||
            (errno != EAGAIN && errno != EINTR))
            continue;
        return connection;
    }
    return nullptr;
}

void HttpClient::give_back(const Origin& origin, std::unique_ptr<Connection> connection) {
    ++connection->uses;
    connection->idle_since = loop_.clock().steady();
    auto& connections = idle_[origin];
    const SteadyTime oldest = connection->idle_since - limits::upstream_idle_time;
    while (!connections.empty() && connections.front()->idle_since < oldest) {
        connections.pop_front();
        --idle_count_;
    }
    if (idle_count_ >= limits::idle_upstreams_per_thread) return;
    connections.push_back(std::move(connection));
    ++idle_count_;
}

Task<Result<std::unique_ptr<HttpClient::Connection>>>
HttpClient::connect(const Origin& origin, Deadline deadline, Interrupt& interrupt) {
    std::string host = origin.host;
    std::uint16_t port = origin.port;
    if (!origin.proxy.empty()) {
        CO_TRY(const Url proxy, Url::parse(origin.proxy));
        host = proxy.origin.host;
        port = proxy.origin.port;
    }
    CO_TRY(Socket socket, co_await dialer_.dial(host, port, deadline, interrupt));
    auto connection = std::make_unique<Connection>(loop_, std::move(socket));
    const Interrupt::Scope scope(interrupt, abort_stream, &connection->stream);
    if (!origin.proxy.empty()) CO_CHECK(co_await tunnel(*connection, origin, deadline));
    if (origin.scheme == Scheme::https) {
        if (tls_ == nullptr) co_return refuse(Errc::internal, "no TLS client");
        Ssl ssl = tls_->connect(connection->stream.descriptor(), origin.host);
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(deadline.left(loop_.clock().steady()));
        auto shaken = co_await connection->stream.handshake(std::move(ssl), left);
        if (interrupt.requested()) co_return refuse(Errc::client_left);
        if (!shaken) {
            const std::string why = shaken.error() == IoEnd::timeout
                                        ? std::string("timed out")
                                        : TlsClient::why(connection->stream.tls());
            const Errc code =
                shaken.error() == IoEnd::timeout ? Errc::upstream_timeout : Errc::upstream_error;
            co_return refuse(Error(code).because("TLS with " + origin.host + ": " + why));
        }
    }
    co_return connection;
}

// CONNECT through an HTTP proxy (RFC 9110, section 9.3.6).
Task<Result<void>> HttpClient::tunnel(Connection& connection, const Origin& origin,
                                      Deadline deadline) {
    const std::string target = fmt::format("{}:{}", origin.host, origin.port);
    std::string request;
    wire::HeadWriter::request(request, "CONNECT", target, target).end();
    const auto refused = [&](std::string_view why) {
        return refuse(
            Error(Errc::upstream_error).because(fmt::format("proxy {}: {}", origin.proxy, why)));
    };
    auto written = co_await connection.stream.write(request, limits::write_stall_time);
    if (!written) co_return refused(name(written.error()));
    wire::HeadCollector collector;
    while (true) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(deadline.left(loop_.clock().steady()));
        auto bytes = co_await connection.stream.read(std::max(left, std::chrono::milliseconds(1)));
        if (!bytes) co_return refused(name(bytes.error()));
        auto step = collector.feed(*bytes);
        if (!step) co_return refused(step.error().reason);
        if (!step->whole) continue;
        auto head = wire::ResponseHead::parse(collector.take());
        if (!head) co_return refused(head.error().reason);
        if (head->status() / 100 != 2) co_return refused(fmt::format("status {}", head->status()));
        // Bytes before our own handshake would not come from the origin.
        if (step->used != bytes->size())
            co_return refused("it sent bytes before the tunnel was used");
        co_return Result<void>();
    }
}

} // namespace weir::net
