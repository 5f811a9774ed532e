#pragma once
// An HTTP/1.1 server on one loop: accepts, reads heads strictly, hands each request to the Handler
// and keeps the connection for the next one. Malformed requests are answered here, with the status
// the parser gave, and the connection closes lingering. Thread: the loop's, but for the
// constructor.

#include "net/http/exchange.h"

#include <memory>
#include <unordered_set>

namespace weir::net {

class Handler {
public:
    virtual ~Handler() = default;
    // Answers the exchange. It is called again for the same connection only after it has returned.
    virtual Task<void> serve(Exchange& exchange) = 0;
    // The body for a request that was refused before it was one; for statuses of malformed HTTP.
    virtual Response refusal(int status, std::string_view reason) = 0;
};

class HttpServer {
public:
    struct Options {
        std::size_t connections_max;
        const TlsServer* tls = nullptr; // null: plain
    };
    HttpServer(Loop& loop, Handler& handler, Options options);
    ~HttpServer();

    // Takes over a listening socket (net/listening.h).
    void accept_from(int descriptor, Peer::Kind kind);

    // No more keep-alive: every connection closes after its next answer.
    void drain();
    // Stops accepting and cuts every connection off; they are gone when connections() is zero.
    void abort_all();
    std::size_t connections() const { return open_.size() + acceptors_.size(); }

private:
    class Connection;
    class Acceptor;
    Task<void> accept_loop(Socket listening, Peer::Kind kind);
    void admit(Socket socket, Peer::Kind kind);
    Task<void> serve(Socket socket, Peer peer);

    Loop& loop_;
    Handler& handler_;
    Options options_;
    std::unordered_set<Connection*> open_;
    std::unordered_set<Acceptor*> acceptors_;
    bool draining_ = false;
};

} // namespace weir::net
