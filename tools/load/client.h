// One connection to the target, used for one exchange after the other. Owns its socket; the driver
// owns it and tells it about events.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "exchange.h"
#include "target.h"

namespace load {

enum class Want { read, write };

class Client {
public:
    Client() = default;
    Client(Client&& other) noexcept;
    Client& operator=(Client&&) = delete;
    ~Client();

    // Begins a connection when there is none. False when that fails at once.
    bool open(const Target& target);
    void close();

    // Requires: no exchange is running. Sends what the socket takes now, the rest on writable().
    void begin(const Plan& plan, Measured& measured, std::string_view request,
               std::string_view prompt, std::uint64_t began_at);

    // `scratch` is lent for the call. Afterwards finished() may be true.
    void readable(std::span<char> scratch);
    void writable();

    bool is_open() const { return fd_ >= 0; }
    bool busy() const { return exchange_.has_value(); }
    bool finished() const { return finished_; }
    Want want() const { return connecting_ || !output_.empty() ? Want::write : Want::read; }
    int fd() const { return fd_; }
    const Exchange& exchange() const { return *exchange_; }

    // Ends the exchange as a failure.
    void fail(std::string_view kind);

    // Makes room for the next exchange; the connection stays if the answer let it.
    void clear();

private:
    void flush();

    int fd_ = -1;
    bool connecting_ = false;
    bool finished_ = false;
    std::string output_;
    std::string prompt_;
    std::optional<Exchange> exchange_;
};

} // namespace load
