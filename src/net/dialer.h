#pragma once
// Opens TCP connections by name: resolves without blocking the loop, remembers answers for a
// minute, and races the addresses a quarter of a second apart (Happy Eyeballs, RFC 8305). Thread:
// the loop's only.

#include "base/deadline.h"
#include "base/error.h"
#include "net/stream.h"

#include <boost/asio/ip/tcp.hpp>
#include <map>
#include <vector>

namespace weir::net {

class Dialer {
public:
    explicit Dialer(Loop& loop) : loop_(loop), resolver_(loop.io()) {}

    // Errors: upstream_error with the reason as detail; upstream_timeout; client_left when
    // interrupted.
    Task<Result<Socket>> dial(const std::string& host, std::uint16_t port, Deadline deadline,
                              Interrupt& interrupt);

private:
    using Endpoints = std::vector<boost::asio::ip::tcp::endpoint>;
    struct Known {
        Endpoints endpoints;
        SteadyTime until;
    };
    Task<Result<Endpoints>> resolve(const std::string& host, std::uint16_t port, Deadline deadline,
                                    Interrupt& interrupt);

    Loop& loop_;
    boost::asio::ip::tcp::resolver resolver_;
    std::map<std::string, Known> known_;
};

} // namespace weir::net
