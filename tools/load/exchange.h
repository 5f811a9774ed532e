// One request and the reading of its answer: framing, events, text. Says how it ended in one word.
// Sans-I/O: the client owns the socket and the clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "histogram.h"
#include "response_reader.h"
#include "text_check.h"

namespace load {

enum class Mode { json, stream, idle };

// What all exchanges of a run share.
struct Plan {
    Mode mode = Mode::json;
    sim::Script script;
    bool checks_text = true;
};

struct Measured {
    Histogram latency;     // request to the end of the answer
    Histogram first_event; // request to the first content
    Histogram chunk;       // the simulator's stamp to here
    std::uint64_t chunks = 0;
    std::uint64_t bytes = 0;
};

class Exchange {
public:
    // Lifetime: all outlive it; `prompt` is the last user message.
    Exchange(const Plan& plan, Measured& measured, std::string_view prompt, std::uint64_t began_at);

    // True when it is over.
    bool feed(std::string_view bytes, std::uint64_t now);
    bool end_of_input(std::string_view how, std::uint64_t now);

    // Empty when the answer was whole and right, else the kind of failure.
    const std::string& failure() const { return failure_; }
    void fail(std::string kind);

    bool has_begun() const { return begun_; } // content was seen
    bool keeps_alive() const { return reader_.keeps_alive(); }
    std::uint64_t began_at() const { return began_at_; }

private:
    void read_events(std::uint64_t now);
    void read_event(std::string_view event, std::uint64_t now);
    void read_chunk(std::string_view json, std::uint64_t now);
    void read_text(std::string_view text, std::uint64_t now);
    void read_whole();
    void read_error();
    bool finish(std::uint64_t now);

    const Plan& plan_;
    Measured& measured_;
    ResponseReader reader_;
    TextCheck text_;
    const std::uint64_t began_at_;
    std::string failure_;
    bool over_ = false;
    bool begun_ = false;
    bool finish_seen_ = false;
    bool done_seen_ = false;
};

} // namespace load
