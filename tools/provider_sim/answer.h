// One chat answer from its request to its last byte: what to queue, when, and what it does to the
// tally. Sans-I/O: the connection owns socket and clock, calls advance() until it must wait, and
// reports what the socket took. One per request.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "bill.h"
#include "chat_body.h"
#include "outbox.h"
#include "play.h"

namespace sim {

enum class Persistence { keep_alive, close };

struct Order {
    Model& model;
    const ChatBody& body;
    std::uint64_t id;
    std::uint64_t unix_seconds;
    Persistence persistence;
    Nanos now;
};

enum class Step {
    more,    // call again once what was queued is sent
    wait,    // call again at due()
    silence, // the client must leave first
    done,    // all is queued
    close,   // all is queued; close after it
    reset,   // all is queued; reset after it
};

class Answer {
public:
    explicit Answer(const Order& order);

    // Idempotent while it says anything but `more`.
    Step advance(Outbox& out, Nanos now);
    Nanos due() const { return due_; }

    const Model& model() const { return model_; }
    std::uint64_t chunks() const { return delivered_.chunks; }
    SendRule send_rule() const { return {script_.wire, script_.gap}; }

    // Bills what the socket took.
    void delivered(Receipt receipt);

    // Exactly one of the two ends the answer.
    void settle();
    void abandoned();

private:
    Step begin(Outbox& out);
    Step whole(Outbox& out);
    Step broken_whole(Outbox& out, std::string_view body);
    Step error(Outbox& out);
    Step stream(Outbox& out, Nanos now);
    Step after(Outbox& out, Then then);
    void open_stream(Outbox& out);
    void frame(Outbox& out, std::string_view sse) const;
    void head(Outbox& out, std::string_view content_type, std::string_view framing) const;
    Step finish(Step step);
    void bill_input();
    bool framed() const { return !script_.untilclose && script_.badlength == 0; }

    Model& model_;
    const Script& script_;
    const Delivery delivery_;
    const Prompt prompt_;
    const Title title_;
    const Persistence persistence_;
    std::optional<Play> play_;
    std::string sse_;
    std::optional<Step> end_;
    Nanos due_;
    Receipt delivered_;
    bool begun_ = false;
    bool input_billed_ = false;
    bool good_ = true;
};

} // namespace sim
