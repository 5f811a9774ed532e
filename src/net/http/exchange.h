#pragma once
// One request and its answer on a server connection. The head is there at once; the body is read
// when asked for, bounded; the answer is sent whole or as a stream, once. What the handler leaves
// undone the connection settles: a half-read body or a half-sent answer closes it. Thread: the
// connection's loop.

#include "base/address.h"
#include "base/error.h"
#include "net/stream.h"
#include "wire/body_decoder.h"
#include "wire/request_head.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::net {

using HeaderList = std::vector<std::pair<std::string_view, std::string>>;

struct Response {
    int status = 200;
    std::string_view content_type = "application/json";
    HeaderList headers;
    std::string body;
};

// Who is at the other end of a connection.
struct Peer {
    Address address;
    enum class Kind : std::uint8_t {
        tcp,
        control
    } kind = Kind::tcp; // control: the unix socket's owner
};

class Exchange {
public:
    Exchange(Stream& stream, std::unique_ptr<const wire::RequestHead> head, const Peer& peer,
             std::string& pending);

    // An empty one once an answer has begun as a stream.
    const wire::RequestHead& head() const;
    const Peer& peer() const { return peer_; }
    // Whom the request is from: the peer, or whom a trusted proxy says it speaks for.
    const Address& client() const { return client_; }
    void set_client(const Address& client) { client_ = client; }
    Loop& loop() { return stream_.loop(); }

    // The whole body. Errors: request_too_large; bad_request (with_status 400 or 408); client_left.
    // Requires: called at most once.
    WEIR_OWN_FRAME Task<Result<std::string>> read_body(std::size_t bytes_max);

    // The answer in one piece. To HEAD the same head goes out without the body.
    WEIR_OWN_FRAME Task<IoResult<void>> send(const Response& response);

    // An answer of unknown length: the head is written together with the first chunks at flush().
    // The request's head is given up: a stream that rests does not carry it along.
    void begin_stream(const Response& response);
    void add_chunk(std::string_view data); // Requires: data is not empty
    void end_stream();
    Task<IoResult<void>> flush();

    // While it is set, `signal` is notified when the client leaves or sends more.
    void watch(Signal& signal) { stream_.watch(signal); }
    void unwatch() { stream_.unwatch(); }
    // The client closed or reset its end. Bytes it pipelined are kept for the next request,
    // bounded.
    bool client_left();

    // The connection closes after this answer, and the head says so.
    void close_after() { close_ = true; }
    // Ends the connection with a reset: the client cannot mistake what it has for the whole.
    void reset() { stream_.reset(); }

    bool answered() const { return state_ == State::complete; }
    bool untouched() const { return state_ == State::none; }
    bool body_consumed() const { return body_.done(); }
    bool closes() const { return close_; }

private:
    enum class State : std::uint8_t { none, streaming, complete };
    void write_head(const Response& response);
    Task<IoResult<std::string_view>> next_body_bytes(std::chrono::milliseconds timeout);

    Stream& stream_;
    std::unique_ptr<const wire::RequestHead> head_;
    const Peer& peer_;
    Address client_;
    std::string& pending_; // bytes received and not yet used
    wire::BodyDecoder body_;
    std::string out_;
    State state_ = State::none;
    bool bodiless_ = false; // an answer to HEAD
    bool chunked_ = false;
    bool close_ = false;
};

} // namespace weir::net
