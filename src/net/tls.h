#pragma once
// TLS 1.2 and newer over OpenSSL, on non-blocking sockets. A TlsServer or TlsClient is one context
// for many connections, immutable once made but for the client's session cache. Thread: each
// belongs to one loop.

#include "base/error.h"

#include <map>
#include <memory>
#include <string>
#include <string_view>

struct ssl_st;
struct ssl_ctx_st;
struct ssl_session_st;

namespace weir::net {

struct SslFree {
    void operator()(ssl_st* ssl) const;
    void operator()(ssl_ctx_st* context) const;
    void operator()(ssl_session_st* session) const;
};
using Ssl = std::unique_ptr<ssl_st, SslFree>;

class TlsServer {
public:
    // PEM files. Errors: conflict, with what is wrong with which file.
    static Result<std::unique_ptr<TlsServer>> open(const std::string& certificate,
                                                   const std::string& key);
    Ssl accept(int descriptor) const;

private:
    std::unique_ptr<ssl_ctx_st, SslFree> context_;
};

class TlsClient {
public:
    // Trusts the system's certificates, and those of `extra_ca` (a PEM file) where it is not empty.
    static Result<std::unique_ptr<TlsClient>> open(const std::string& extra_ca);
    ~TlsClient();

    // A connection to `host`: SNI (for names), verification of chain and name, and the last session
    // of that host offered for resumption.
    Ssl connect(int descriptor, const std::string& host);
    // Why the last handshake of `ssl` failed, in words for a log.
    static std::string why(const Ssl& ssl);

private:
    TlsClient() = default;
    void remember(const std::string& host, ssl_session_st* session);
    friend int remember_session(ssl_st*, ssl_session_st*);

    std::unique_ptr<ssl_ctx_st, SslFree> context_;
    std::map<std::string, std::unique_ptr<ssl_session_st, SslFree>> sessions_;
};

} // namespace weir::net
