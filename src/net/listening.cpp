#include "net/listening.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <fmt/core.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace weir::net {
namespace {

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = 0;
};

Result<SocketAddress> parse_address(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    const auto port =
        colon == std::string::npos ? std::nullopt : parse_decimal(text.substr(colon + 1));
    if (!port || *port > 65535)
        return refuse(Errc::invalid_value, fmt::format("'{}' is not ADDRESS:PORT", text));
    std::string host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (host == "localhost") host = "127.0.0.1";
    SocketAddress out;
    auto& v4 = reinterpret_cast<sockaddr_in&>(out.storage);
    auto& v6 = reinterpret_cast<sockaddr_in6&>(out.storage);
    if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
        v4.sin_family = AF_INET;
        v4.sin_port = htons(static_cast<std::uint16_t>(*port));
        out.length = sizeof v4;
    } else if (::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(static_cast<std::uint16_t>(*port));
        out.length = sizeof v6;
    } else {
        return refuse(Errc::invalid_value, fmt::format("'{}' is not an IP address", host));
    }
    return out;
}

std::uint16_t bound_port(int descriptor) {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&storage), &length);
    return ntohs(storage.ss_family == AF_INET ? reinterpret_cast<sockaddr_in&>(storage).sin_port
                                              : reinterpret_cast<sockaddr_in6&>(storage).sin6_port);
}

std::unexpected<Error> failure(int descriptor, const std::string& where) {
    const int reason = errno;
    if (descriptor >= 0) ::close(descriptor);
    const char* const hint =
        reason == EADDRINUSE ? "; another program listens there, choose another with --listen" : "";
    return refuse(Errc::conflict,
                  fmt::format("cannot listen on {}: {}{}", where, std::strerror(reason), hint));
}

} // namespace

Result<Listening> listen_tcp(const std::string& address, Sharing sharing) {
    WEIR_TRY(const SocketAddress parsed, parse_address(address));
    const int descriptor =
        ::socket(parsed.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) return failure(descriptor, address);
    const int on = 1;
    ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (sharing == Sharing::reuse_port)
        ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (::bind(descriptor, reinterpret_cast<const sockaddr*>(&parsed.storage), parsed.length) !=
            0 ||
        ::listen(descriptor, 4096) != 0)
        return failure(descriptor, address);
    return Listening{descriptor, bound_port(descriptor)};
}

Result<Listening> listen_unix(const std::string& path) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    if (path.size() >= sizeof name.sun_path)
        return refuse(Errc::conflict,
                      fmt::format("the path {} is too long for a socket; choose a shorter "
                                  "data directory",
                                  path));
    std::memcpy(name.sun_path, path.c_str(), path.size());
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) return failure(descriptor, path);
    // The data directory's lock is ours, so whoever left this file is gone.
    ::unlink(path.c_str());
    const mode_t before = ::umask(0177);
    const int bound = ::bind(descriptor, reinterpret_cast<const sockaddr*>(&name), sizeof name);
    ::umask(before);
    if (bound != 0 || ::listen(descriptor, 64) != 0) return failure(descriptor, path);
    return Listening{descriptor, 0};
}

} // namespace weir::net
