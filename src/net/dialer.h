#pragma once
// Opens TCP connections by name: resolves without blocking the loop, remembers answers for a
// minute, and races the addresses a quarter of a second apart (Happy Eyeballs, RFC 8305). Thread:
// the loop's only.

#include "base/deadline.h"
#include "base/error.h"
#include "net/blocking_pool.h"
#include "net/descriptor.h"
#include "net/interrupt.h"

#include <cstring>
#include <map>
#include <sys/socket.h>
#include <vector>

namespace weir::net {

// The address of a peer as the system has it.
struct Endpoint {
    sockaddr_storage storage{};
    socklen_t length = 0;

    const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(&storage); }
    int family() const { return storage.ss_family; }
    // Requires: length fits.
    static Endpoint from(const sockaddr* address, socklen_t length) {
        Endpoint out;
        std::memcpy(&out.storage, address, length);
        out.length = length;
        return out;
    }
};

class Dialer {
public:
    explicit Dialer(Loop& loop) : loop_(loop) {}

    // Errors: upstream_error with the reason as detail; upstream_timeout; client_left when
    // interrupted.
    Task<Result<Socket>> dial(const std::string& host, std::uint16_t port, Deadline deadline,
                              Interrupt& interrupt);

private:
    using Endpoints = std::vector<Endpoint>;
    struct Known {
        Endpoints endpoints;
        SteadyTime until;
    };
    Task<Result<Endpoints>> resolve(const std::string& host, std::uint16_t port, Deadline deadline,
                                    Interrupt& interrupt);

    Loop& loop_;
    std::unique_ptr<BlockingPool> resolvers_; // made with the first name
    std::map<std::string, Known> known_;
};

} // namespace weir::net
