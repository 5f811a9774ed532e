#include "net/http/http_server.h"

#include "base/limits.h"
#include "wire/head_collector.h"

#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace weir::net {

namespace {

Address peer_address(int descriptor) {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
    Address out;
    if (storage.ss_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
        std::array<unsigned char, 4> octets{};
        std::memcpy(octets.data(), &v4.sin_addr, octets.size());
        return Address::from_v4(octets);
    }
    if (storage.ss_family == AF_INET6) {
        const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
        std::memcpy(out.bytes.data(), &v6.sin6_addr, out.bytes.size());
    }
    return out;
}

constexpr wire::Fault too_slow{408, "the request came too slowly"};

} // namespace

// One accepted connection, from its first byte to its close.
class HttpServer::Connection {
public:
    Connection(HttpServer& server, Socket socket, Peer peer)
        : server_(server), stream_(server.loop_, std::move(socket)), peer_(peer) {
        server_.open_.insert(this);
    }
    ~Connection() { server_.open_.erase(this); }

    Task<void> run() {
        if (server_.options_.tls != nullptr && peer_.kind == Peer::Kind::tcp) {
            Ssl ssl = server_.options_.tls->accept(stream_.descriptor());
            auto shaken = co_await stream_.handshake(std::move(ssl), limits::head_time);
            if (!shaken) co_return;
        }
        bool goes_on = true;
        while (goes_on) {
            auto head = co_await read_head();
            if (!head) co_return;
            goes_on = co_await serve_one(std::move(head));
        }
    }

    void abort() { stream_.abort(); }

private:
    using Head = std::unique_ptr<const wire::RequestHead>;
    // The next request's head; null when the connection is over.
    WEIR_OWN_FRAME Task<Head> read_head() {
        wire::HeadCollector collector;
        SteadyTime begun{};
        while (true) {
            std::string_view bytes = pending_;
            const bool from_pending = !pending_.empty();
            if (!from_pending) {
                // Nothing of a head yet: the idle time. Then the whole head has its own time.
                std::chrono::milliseconds timeout = limits::idle_time;
                if (!collector.empty()) {
                    timeout = std::chrono::ceil<std::chrono::milliseconds>(
                        begun + limits::head_time - server_.loop_.clock().steady());
                }
                auto read = co_await stream_.read(std::max(timeout, std::chrono::milliseconds(1)));
                if (!read) {
                    if (read.error() == IoEnd::timeout && !collector.empty())
                        co_await answer_fault(too_slow);
                    co_return Head();
                }
                bytes = *read;
            }
            if (collector.empty()) begun = server_.loop_.clock().steady();
            auto step = collector.feed(bytes);
            if (!step) {
                co_await answer_fault(step.error());
                co_return Head();
            }
            if (from_pending) pending_.erase(0, step->used);
            else pending_.assign(bytes.substr(step->used));
            if (!step->whole) continue;
            auto head = wire::RequestHead::parse(collector.take());
            if (head) co_return std::make_unique<const wire::RequestHead>(std::move(*head));
            co_await answer_fault(head.error());
            co_return Head();
        }
    }

    // Whether the connection may carry another request.
    WEIR_OWN_FRAME Task<bool> serve_one(Head head) {
        Exchange exchange(stream_, std::move(head), peer_, pending_);
        if (server_.draining_) exchange.close_after();
        co_await server_.handler_.serve(exchange);
        exchange.unwatch();
        if (exchange.untouched()) co_await answer_nothing(exchange);
        if (!exchange.answered()) {
            // A stream that was begun and not ended: the client must see that it is cut.
            stream_.reset();
            co_return false;
        }
        if (!exchange.closes() && exchange.body_consumed()) co_return true;
        co_await linger();
        co_return false;
    }

    WEIR_OWN_FRAME Task<void> answer_nothing(Exchange& exchange) {
        exchange.close_after();
        const Response nothing = server_.handler_.refusal(500, "the request was not answered");
        co_await exchange.send(nothing);
    }

    WEIR_OWN_FRAME Task<void> answer_fault(wire::Fault fault) {
        Exchange exchange(stream_, std::make_unique<const wire::RequestHead>(), peer_, pending_);
        exchange.close_after();
        const Response response = server_.handler_.refusal(fault.status, fault.reason);
        auto sent = co_await exchange.send(response);
        if (sent) co_await linger();
    }

    // Closing with unread input would reset the connection and could destroy the answer on its way.
    // So our end closes first, and what still comes is read and dropped, for a while (RFC 9112,
    // section 9.6).
    WEIR_OWN_FRAME Task<void> linger() {
        stream_.shut_write();
        const SteadyTime until = server_.loop_.clock().steady() + limits::linger_time;
        std::size_t dropped = 0;
        while (dropped < limits::linger_bytes) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(
                until - server_.loop_.clock().steady());
            if (left.count() <= 0) break;
            auto bytes = co_await stream_.read(left);
            if (!bytes) break;
            dropped += bytes->size();
        }
        stream_.abort();
    }

    HttpServer& server_;
    Stream stream_;
    Peer peer_;
    std::string pending_;
};

HttpServer::HttpServer(Loop& loop, Handler& handler, Options options)
    : loop_(loop), handler_(handler), options_(options) {}

HttpServer::~HttpServer() = default;

// A listening socket and the coroutine that waits for it.
class HttpServer::Acceptor {
public:
    Acceptor(HttpServer& server, Socket listening)
        : server_(server),
          something_(server.loop_),
          listening_(
              server.loop_, std::move(listening),
              [](void* self, Descriptor::Ready) {
                  static_cast<Acceptor*>(self)->something_.notify();
              },
              this),
          pause_(
              server.loop_.wheel(),
              [](void* self) { static_cast<Acceptor*>(self)->something_.notify(); }, this) {
        server_.acceptors_.insert(this);
    }
    ~Acceptor() { server_.acceptors_.erase(this); }

    bool is_open() const { return listening_.is_open(); }
    void close() {
        listening_.close();
        something_.notify();
    }
    Signal::Wait something() { return something_.wait(); }
    // Takes in what waits. Out of descriptors or memory a connection stays queued, and asking again
    // at once would spin: it is asked again after a pause.
    void accept_all(Peer::Kind kind) {
        while (is_open()) {
            const int taken =
                ::accept4(listening_.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (taken >= 0) {
                server_.admit(Socket(taken), kind);
                continue;
            }
            if (errno == EAGAIN) return;
            if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO) continue;
            pause_.arm(limits::accept_pause);
            return;
        }
    }

private:
    HttpServer& server_;
    Signal something_;
    Descriptor listening_;
    Wheel::Timer pause_;
};

void HttpServer::accept_from(int descriptor, Peer::Kind kind) {
    loop_.spawn(accept_loop(Socket(descriptor), kind));
}

Task<void> HttpServer::accept_loop(Socket listening, Peer::Kind kind) {
    Acceptor acceptor(*this, std::move(listening));
    while (acceptor.is_open()) {
        acceptor.accept_all(kind);
        co_await acceptor.something();
    }
}

void HttpServer::admit(Socket socket, Peer::Kind kind) {
    if (open_.size() >= options_.connections_max) return; // dropped: nothing of it was read
    Peer peer{.address = {}, .kind = kind};
    if (kind == Peer::Kind::tcp) {
        const int on = 1;
        ::setsockopt(socket.descriptor(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        peer.address = peer_address(socket.descriptor());
    }
    loop_.spawn(serve(std::move(socket), peer));
}

Task<void> HttpServer::serve(Socket socket, Peer peer) {
    Connection connection(*this, std::move(socket), peer);
    co_await connection.run();
}

void HttpServer::drain() { draining_ = true; }

void HttpServer::abort_all() {
    draining_ = true;
    for (Connection* const connection : open_) connection->abort();
    for (Acceptor* const acceptor : acceptors_) acceptor->close();
}

} // namespace weir::net
