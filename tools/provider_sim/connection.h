// One client's connection: reads requests, serves them one after the other, notices at once when
// the client leaves. It owns its socket; the reactor owns it, calls it on events and looks at
// wake_at() and wants_write() afterwards.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "answer.h"
#include "http_request.h"
#include "outbox.h"
#include "provider.h"

namespace sim {

enum class Verdict { keep, close };

class Connection {
public:
    Connection(int fd, std::uint64_t number, Provider& provider, simdjson::dom::parser& parser);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection();

    // `scratch` is lent for the call.
    Verdict on_readable(std::span<char> scratch);

    // The socket takes bytes again, or the time of wake_at() has come.
    Verdict resume() { return pump(); }

    std::uint64_t number() const { return number_; }
    bool wants_write() const { return wants_write_; }
    Nanos wake_at() const { return wake_at_; } // 0: never

private:
    enum class Serving { waits_for_bytes, begun };

    Verdict pump();
    std::optional<Verdict> flush();
    std::optional<Verdict> play_on();
    Serving serve_next();
    void serve(const HttpRequest& request);
    void serve_chat(const HttpRequest& request);
    void refuse(std::string_view response);
    Verdict left(std::string_view how);
    Verdict reset_once_delivered();
    void settle();
    void log(std::string_view outcome) const;

    const int fd_;
    const std::uint64_t number_;
    Provider& provider_;
    simdjson::dom::parser& parser_;
    std::string input_;
    Outbox outbox_;
    std::optional<Answer> answer_;
    Persistence persistence_ = Persistence::keep_alive;
    Nanos wake_at_ = 0;
    Nanos reset_by_ = 0;
    bool wants_write_ = false;
    bool invited_ = false; // the client's Expect was answered
};

} // namespace sim
