#pragma once
// An HTTP/1.1 client on one loop, with idle connections kept per origin. A Call is one request and
// its answer: it borrows a connection, and gives it back when the answer was read to its end, else
// closes it. Redirects are never followed, compressed answers never asked for and refused. Thread:
// the loop's only.

#include "base/deadline.h"
#include "base/error.h"
#include "net/dialer.h"
#include "net/stream.h"
#include "net/url.h"
#include "wire/body_decoder.h"
#include "wire/response_head.h"

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace weir::net {

class HttpClient;

class Call {
public:
    Call(Call&&) noexcept = default;
    Call& operator=(Call&&) = delete;
    ~Call();

    // The request whole: head and body as they go on the wire.
    // Errors, here and below: upstream_error, upstream_timeout, client_left when interrupted; with
    // a detail.
    Task<Result<void>> send(std::string_view request);
    // The head of the final answer; informational ones are passed over.
    WEIR_OWN_FRAME Task<Result<wire::ResponseHead>> read_head(std::chrono::milliseconds timeout);
    // The next bytes of the body, lent until the next co_await; empty at its proper end.
    // Errors: also stream_truncated where the connection was closed before that.
    Task<Result<std::string_view>> read_body(std::chrono::milliseconds timeout);

    // Takes what has arrived of the body's end, without waiting: a finished answer's connection can
    // be reused.
    void finish_ready();

    // The connection had served before: a failure before any byte of the answer says nothing about
    // the origin.
    bool reused() const { return connection_->uses > 0; }
    bool answer_begun() const { return answer_begun_; }

private:
    friend class HttpClient;
    struct Connection {
        Connection(Loop& loop, Socket socket) : stream(loop, std::move(socket)) {}
        Stream stream;
        std::string pending; // bytes read and not yet used
        std::size_t uses = 0;
        SteadyTime idle_since{};
    };
    Call(HttpClient& client, const Origin& origin, std::unique_ptr<Connection> connection,
         Interrupt& interrupt)
        : client_(&client),
          origin_(&origin),
          connection_(std::move(connection)),
          interrupt_(&interrupt) {}
    Task<Result<std::string_view>> more(std::chrono::milliseconds timeout);
    WEIR_OWN_FRAME Error failure(IoEnd end, std::string_view doing) const;
    WEIR_OWN_FRAME Error broken_body(IoEnd end) const;
    WEIR_OWN_FRAME Error malformed_body(const wire::Fault& fault) const;

    HttpClient* client_;
    const Origin* origin_;
    std::unique_ptr<Connection> connection_;
    Interrupt* interrupt_;
    wire::BodyDecoder body_;
    bool answer_begun_ = false;
    bool keep_alive_ = false;
};

class HttpClient {
public:
    // `tls` may be null where no https origin is ever called. It must belong to this loop.
    HttpClient(Loop& loop, TlsClient* tls) : loop_(loop), dialer_(loop), tls_(tls) {}

    enum class Reuse : std::uint8_t { allowed, never };
    // A connection, idle or new, with its TLS handshake and proxy tunnel done. `origin` and
    // `interrupt` must outlive the call. Errors: as Call::send.
    Task<Result<Call>> open(const Origin& origin, Deadline connect_deadline, Interrupt& interrupt,
                            Reuse reuse = Reuse::allowed);

private:
    friend class Call;
    using Connection = Call::Connection;
    std::unique_ptr<Connection> take_idle(const Origin& origin);
    void give_back(const Origin& origin, std::unique_ptr<Connection> connection);
    WEIR_OWN_FRAME Task<Result<std::unique_ptr<Connection>>>
    connect(const Origin& origin, Deadline deadline, Interrupt& interrupt);
    WEIR_OWN_FRAME Task<Result<void>> tunnel(Connection& connection, const Origin& origin,
                                             Deadline deadline);

    Loop& loop_;
    Dialer dialer_;
    TlsClient* tls_;
    std::map<Origin, std::deque<std::unique_ptr<Connection>>> idle_;
    std::size_t idle_count_ = 0;
};

} // namespace weir::net
