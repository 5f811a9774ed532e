#include "net/stream.h"

#include <cerrno>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

namespace weir::net {

std::string_view name(IoEnd end) {
    switch (end) {
    case IoEnd::closed: return "closed by the peer";
    case IoEnd::reset: return "connection reset";
    case IoEnd::timeout: return "timed out";
    case IoEnd::aborted: return "stopped";
    }
    return "failed";
}

Stream::Stream(Loop& loop, Socket socket)
    : loop_(loop),
      descriptor_(
          loop, std::move(socket),
          [](void* self, Descriptor::Ready ready) { static_cast<Stream*>(self)->on_ready(ready); },
          this),
      readable_(loop),
      writable_(loop),
      timer_(
          loop.wheel(), [](void* self) { static_cast<Stream*>(self)->on_timeout(); }, this),
      aborted_(!descriptor_.is_open()) {}

void Stream::on_ready(Descriptor::Ready ready) {
    if (ready.readable) {
        may_have_data_ = true;
        ended_ = ended_ || ready.ended;
        if (readable_.awaited()) readable_.notify();
        else if (watcher_ != nullptr) watcher_->notify();
    }
    if (ready.writable && writable_.awaited()) writable_.notify();
}

void Stream::on_timeout() {
    // What came in the same turn counts.
    if (!readable_.awaited() && !writable_.awaited()) return;
    timed_out_ = true;
    if (readable_.awaited()) readable_.notify();
    if (writable_.awaited()) writable_.notify();
}

Stream::Attempt Stream::judge_tls(int result) {
    using Kind = Attempt::Kind;
    if (result > 0) return {Kind::done, static_cast<std::size_t>(result)};
    const int error = SSL_get_error(tls_.get(), result);
    if (error == SSL_ERROR_WANT_READ) return {Kind::again_read};
    if (error == SSL_ERROR_WANT_WRITE) return {Kind::again_write};
    if (error == SSL_ERROR_ZERO_RETURN) return {Kind::closed};
    return {Kind::reset};
}

Stream::Attempt Stream::try_read(std::span<char> into) {
    using Kind = Attempt::Kind;
    if (tls_) {
        ERR_clear_error();
        return judge_tls(SSL_read(tls_.get(), into.data(), static_cast<int>(into.size())));
    }
    const ssize_t n = ::recv(descriptor(), into.data(), into.size(), MSG_DONTWAIT);
    if (n > 0) return {Kind::done, static_cast<std::size_t>(n)};
    if (n == 0) return {Kind::closed};
    if (errno == EAGAIN || errno == EINTR) return {Kind::again_read};
    return {Kind::reset};
}

Stream::Attempt Stream::try_write(std::string_view bytes) {
    using Kind = Attempt::Kind;
    if (tls_) {
        ERR_clear_error();
        const auto length = static_cast<int>(std::min<std::size_t>(bytes.size(), 1 << 30));
        return judge_tls(SSL_write(tls_.get(), bytes.data(), length));
    }
    const ssize_t n = ::send(descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) return {Kind::done, static_cast<std::size_t>(n)};
    if (errno == EAGAIN || errno == EINTR) return {Kind::again_write};
    return {Kind::reset};
}

Task<IoResult<void>> Stream::wait(Signal& signal, std::chrono::milliseconds timeout) {
    timer_.arm(timeout);
    co_await signal.wait();
    timer_.cancel();
    if (aborted_) co_return std::unexpected(IoEnd::aborted);
    if (std::exchange(timed_out_, false)) co_return std::unexpected(IoEnd::timeout);
    co_return IoResult<void>();
}

Task<IoResult<std::string_view>> Stream::read(std::chrono::milliseconds timeout) {
    while (!aborted_) {
        if (may_have_data_) {
            const auto buffer = loop_.scratch();
            const Attempt attempt = try_read(buffer);
            // A short read emptied the socket. TLS may hold a record back, so it is always asked
            // again.
            may_have_data_ = ended_ || (tls_ ? attempt.kind == Attempt::Kind::done
                                             : attempt.bytes == buffer.size());
            switch (attempt.kind) {
            case Attempt::Kind::done: co_return std::string_view(buffer.data(), attempt.bytes);
            case Attempt::Kind::closed: co_return std::unexpected(IoEnd::closed);
            case Attempt::Kind::reset: co_return std::unexpected(IoEnd::reset);
            case Attempt::Kind::again_write: {
                descriptor_.watch_writable();
                auto waited = co_await wait(writable_, timeout);
                if (!waited) co_return std::unexpected(waited.error());
                may_have_data_ = true;
                continue;
            }
            case Attempt::Kind::again_read: break;
            }
        }
        // As wait() does, without its frame: this is where a connection spends its life.
        timer_.arm(timeout);
        co_await readable_.wait();
        timer_.cancel();
        if (std::exchange(timed_out_, false) && !aborted_)
            co_return std::unexpected(IoEnd::timeout);
    }
    co_return std::unexpected(IoEnd::aborted);
}

IoResult<std::string_view> Stream::read_now() {
    if (aborted_) return std::unexpected(IoEnd::aborted);
    const auto buffer = loop_.scratch();
    const Attempt attempt = try_read(buffer);
    if (attempt.kind == Attempt::Kind::closed) return std::unexpected(IoEnd::closed);
    if (attempt.kind == Attempt::Kind::reset) return std::unexpected(IoEnd::reset);
    if (attempt.kind != Attempt::Kind::done) may_have_data_ = ended_;
    return std::string_view(buffer.data(), attempt.bytes);
}

Task<IoResult<void>> Stream::write(std::string_view bytes,
                                   std::chrono::milliseconds stall_timeout) {
    while (!bytes.empty()) {
        if (aborted_) co_return std::unexpected(IoEnd::aborted);
        const Attempt attempt = try_write(bytes);
        switch (attempt.kind) {
        case Attempt::Kind::done: bytes.remove_prefix(attempt.bytes); continue;
        case Attempt::Kind::closed:
        case Attempt::Kind::reset: co_return std::unexpected(IoEnd::reset);
        case Attempt::Kind::again_read: {
            auto waited = co_await wait(readable_, stall_timeout);
            if (!waited) co_return std::unexpected(waited.error());
            break;
        }
        case Attempt::Kind::again_write: {
            descriptor_.watch_writable();
            auto waited = co_await wait(writable_, stall_timeout);
            if (!waited) co_return std::unexpected(waited.error());
            break;
        }
        }
    }
    co_return IoResult<void>();
}

Task<IoResult<void>> Stream::handshake(Ssl ssl, std::chrono::milliseconds timeout) {
    tls_ = std::move(ssl);
    while (!aborted_) {
        ERR_clear_error();
        const Attempt attempt = judge_tls(SSL_do_handshake(tls_.get()));
        if (attempt.kind == Attempt::Kind::done) {
            may_have_data_ = true;
            co_return IoResult<void>();
        }
        if (attempt.kind == Attempt::Kind::again_read) {
            auto waited = co_await wait(readable_, timeout);
            if (!waited) co_return std::unexpected(waited.error());
        } else if (attempt.kind == Attempt::Kind::again_write) {
            descriptor_.watch_writable();
            auto waited = co_await wait(writable_, timeout);
            if (!waited) co_return std::unexpected(waited.error());
        } else {
            co_return std::unexpected(IoEnd::reset);
        }
    }
    co_return std::unexpected(IoEnd::aborted);
}

void Stream::watch(Signal& signal) {
    watcher_ = &signal;
    if (may_have_data_) signal.notify();
}

void Stream::unwatch() { watcher_ = nullptr; }

Stream::Peek Stream::peek() {
    if (aborted_) return Peek::gone;
    if (!may_have_data_) return Peek::quiet;
    char byte = 0;
    const ssize_t n = ::recv(descriptor(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n > 0) {
        if (!tls_) return Peek::bytes;
        // Under TLS only the record layer can tell bytes from a farewell.
        ERR_clear_error();
        const Attempt attempt = judge_tls(SSL_peek(tls_.get(), &byte, 1));
        if (attempt.kind == Attempt::Kind::done) return Peek::bytes;
        if (attempt.kind == Attempt::Kind::closed || attempt.kind == Attempt::Kind::reset)
            return Peek::gone;
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        return Peek::gone;
    }
    may_have_data_ = false;
    return Peek::quiet;
}

void Stream::abort() {
    if (aborted_) return;
    aborted_ = true;
    descriptor_.close();
    readable_.notify();
    writable_.notify();
    if (watcher_ != nullptr) watcher_->notify();
}

void Stream::reset() {
    if (aborted_) return;
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(descriptor(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    abort();
}

void Stream::shut_write() {
    if (aborted_) return;
    if (tls_) SSL_shutdown(tls_.get());
    ::shutdown(descriptor(), SHUT_WR);
}

} // namespace weir::net
