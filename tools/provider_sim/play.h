// One streamed answer as a sequence of events. Each call appends the next event's bytes and says
// what comes after it; the caller keeps the time and owns the socket. Sans-I/O, one per answer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bodies.h"
#include "event_writer.h"
#include "text_source.h"

namespace sim {

enum class Then {
    more,        // call again after the pause
    finished,    // the body ends well
    ended_early, // the body ends properly, its content does not
    broken_off,  // close the connection; the event just written must stay incomplete
    reset,       // reset the connection
    silence,     // nothing more, ever
};

struct Next {
    Then then = Then::more;
    std::uint64_t tokens = 0;
    std::uint64_t chunks = 0;
    Pause pause{};
};

class Play {
public:
    // Lifetime: `script` and the model name in `title` outlive it.
    Play(const Script& script, Title title, const Prompt& prompt);

    // Appends server-sent events. Requires: the call before said `more`.
    Next next(std::string& sse, std::uint64_t now_ns);

private:
    enum class Part { opening, reasoning, content, finish, usage, done };

    Next opening(std::string& sse);
    Next reasoning(std::string& sse);
    Next content(std::string& sse, std::uint64_t now_ns);
    Next finish(std::string& sse);
    Next usage(std::string& sse);
    bool strikes(const MaybeCount& at) const { return at && *at == text_.written(); }
    void write_text(std::uint64_t now_ns);
    void write_arguments(std::string& sse, std::uint64_t now_ns);
    void begin_json();
    void end_json(std::string& sse, std::string_view reason);

    const Script& script_;
    const bool include_usage_;
    EventWriter events_;
    TextSource text_;
    Script thinking_;
    TextSource thoughts_;
    Counts counts_;
    std::string prefix_;
    std::string json_;
    std::uint64_t id_;
    Part part_ = Part::opening;
};

} // namespace sim
