#pragma once
// A connected byte stream: a TCP or unix socket, plain or under TLS. Reads lend the loop's scratch
// buffer, so an idle stream owns none; writes go to the socket first and wait only when it is full.
// At most one coroutine reads and one writes at a time. Thread: the loop's only.

#include "net/descriptor.h"
#include "net/interrupt.h"
#include "net/loop.h"
#include "net/signal.h"
#include "net/task.h"
#include "net/tls.h"

#include <expected>
#include <string_view>

namespace weir::net {

// Why a read or write did not happen.
enum class IoEnd : std::uint8_t {
    closed,  // the peer sent its end of input
    reset,   // the connection broke
    timeout, // the time given passed
    aborted, // abort() was called here
};
std::string_view name(IoEnd end);

template <class T>
using IoResult = std::expected<T, IoEnd>;

class Stream {
public:
    // Where the system refuses to watch the socket, the stream comes out aborted.
    Stream(Loop& loop, Socket socket);

    // The TLS handshake, either side. `ssl` was made for this stream's descriptor.
    WEIR_OWN_FRAME Task<IoResult<void>> handshake(Ssl ssl, std::chrono::milliseconds timeout);
    const Ssl& tls() const { return tls_; }

    // At least one byte, lent until the next co_await on this loop.
    Task<IoResult<std::string_view>> read(std::chrono::milliseconds timeout);
    // All of it. `timeout` bounds each wait for the peer to take something.
    Task<IoResult<void>> write(std::string_view bytes, std::chrono::milliseconds stall_timeout);

    // What is there already, lent as read() lends it; empty where nothing is.
    IoResult<std::string_view> read_now();

    // From now until unwatch(), `signal` is notified when the peer sends something or leaves.
    // Requires: nobody reads meanwhile.
    void watch(Signal& signal);
    void unwatch();
    // Nothing came since it was last read empty, as far as the loop has heard.
    bool is_quiet() const { return !may_have_data_ && !aborted_; }
    // Looks at what woke the watcher, without waiting.
    enum class Peek : std::uint8_t { quiet, bytes, gone };
    Peek peek();

    // Fails what is pending and closes: at once, or with a reset so that the peer cannot mistake it
    // for an end.
    void abort();
    void reset();
    // Our end of output; the peer may still be sending.
    void shut_write();

    int descriptor() const { return descriptor_.number(); }
    Loop& loop() { return loop_; }

private:
    struct Attempt {
        enum class Kind : std::uint8_t { done, again_read, again_write, closed, reset } kind;
        std::size_t bytes = 0;
    };
    Attempt try_read(std::span<char> into);
    Attempt try_write(std::string_view bytes);
    Attempt judge_tls(int result);
    Task<IoResult<void>> wait(Signal& signal, std::chrono::milliseconds timeout);
    void on_ready(Descriptor::Ready ready);
    void on_timeout();

    Loop& loop_;
    Descriptor descriptor_;
    Ssl tls_;
    Signal readable_;
    Signal writable_;
    Signal* watcher_ = nullptr;
    Wheel::Timer timer_;
    bool may_have_data_ = true; // a read is worth trying before waiting
    bool ended_ = false;        // and goes on being so: no further edge announces the end
    bool timed_out_ = false;
    bool aborted_ = false;
};

} // namespace weir::net
