#include "net/tls.h"

#include "base/limits.h"
#include "base/text.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace weir::net {
namespace {

std::string last_reason() {
    const unsigned long code = ERR_peek_last_error();
    ERR_clear_error();
    const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
    return reason == nullptr ? "unknown error" : reason;
}

// Where a connection keeps its host, for the callback that brings new sessions.
int host_index() {
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

bool is_ip_literal(const std::string& host) {
    return host.find(':') != std::string::npos ||
           host.find_first_not_of("0123456789.") == std::string::npos;
}

constexpr long common_modes =
    SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS;

} // namespace

void SslFree::operator()(ssl_st* ssl) const { SSL_free(ssl); }
void SslFree::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }
void SslFree::operator()(ssl_session_st* session) const { SSL_SESSION_free(session); }

Result<std::unique_ptr<TlsServer>> TlsServer::open(const std::string& certificate,
                                                   const std::string& key) {
    auto server = std::make_unique<TlsServer>();
    server->context_.reset(SSL_CTX_new(TLS_server_method()));
    SSL_CTX* const context = server->context_.get();
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_mode(context, common_modes);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1)
        return refuse(Errc::conflict,
                      "cannot use the TLS certificate " + certificate + ": " + last_reason());
    if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1)
        return refuse(Errc::conflict, "cannot use the TLS key " + key + ": " + last_reason());
    return server;
}

Ssl TlsServer::accept(int descriptor) const {
    Ssl ssl(SSL_new(context_.get()));
    SSL_set_fd(ssl.get(), descriptor);
    SSL_set_accept_state(ssl.get());
    return ssl;
}

int remember_session(ssl_st* ssl, ssl_session_st* session) {
    auto* const client = static_cast<TlsClient*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    const auto* const host = static_cast<const std::string*>(SSL_get_ex_data(ssl, host_index()));
    if (client == nullptr || host == nullptr) return 0;
    client->remember(*host, session);
    return 1; // the session is ours now
}

Result<std::unique_ptr<TlsClient>> TlsClient::open(const std::string& extra_ca) {
    std::unique_ptr<TlsClient> client(new TlsClient);
    client->context_.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX* const context = client->context_.get();
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_mode(context, common_modes);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_app_data(context, client.get());
    SSL_CTX_set_session_cache_mode(context,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(context, remember_session);
    SSL_CTX_set_default_verify_paths(context);
    if (!extra_ca.empty() && SSL_CTX_load_verify_locations(context, extra_ca.c_str(), nullptr) != 1)
        return refuse(Errc::conflict,
                      "cannot read the certificates in " + extra_ca + ": " + last_reason());
    return client;
}

TlsClient::~TlsClient() = default;

Ssl TlsClient::connect(int descriptor, const std::string& host) {
    Ssl ssl(SSL_new(context_.get()));
    SSL_set_fd(ssl.get(), descriptor);
    SSL_set_connect_state(ssl.get());
    if (is_ip_literal(host)) {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), host.c_str());
    } else {
        SSL_set_tlsext_host_name(ssl.get(), host.c_str());
        SSL_set1_host(ssl.get(), host.c_str());
    }
    // The map's key outlives the connection: sessions_ entries are replaced, never removed while in
    // use.
    const auto [entry, made] = sessions_.try_emplace(host);
    SSL_set_ex_data(ssl.get(), host_index(), const_cast<std::string*>(&entry->first));
    if (entry->second) SSL_set_session(ssl.get(), entry->second.get());
    return ssl;
}

void TlsClient::remember(const std::string& host, ssl_session_st* session) {
    sessions_[host].reset(session);
}

std::string TlsClient::why(const Ssl& ssl) {
    const long verdict = SSL_get_verify_result(ssl.get());
    if (verdict != X509_V_OK) {
        ERR_clear_error();
        return std::string("certificate: ") + X509_verify_cert_error_string(verdict);
    }
    return last_reason();
}

} // namespace weir::net
