#pragma once
// One answer as the world outside makes it: a provider that bills each token when it writes it, and
// the connection that its chunks travel on, late or never. Both outlive the process that asked.

#include "chance.h"
#include "chat/chat_event.h"

#include <deque>
#include <optional>

namespace weir::simulation {

struct Chunk {
    std::int64_t tokens = 0;
    std::int64_t bytes = 0; // of text
    std::optional<chat::Usage> usage;
    bool finish = false;
    bool end = false; // nothing follows
};

class Provider {
public:
    // What it tells of the usage: nothing, the whole at the end, or a count with each chunk.
    enum class Reports : std::uint8_t { nothing, at_the_end, running };
    struct Plan {
        std::int64_t tokens = 0; // of the answer
        std::int64_t bytes_per_token = 4;
        std::int64_t hidden = 0; // tokens that it counts and nobody sees
        std::int64_t input = 0;  // as it counts the question
        Reports reports = Reports::nothing;
        // Whether Weir reads as it comes, or waits with the next piece until it may pass on the
        // last one.
        enum class Read : std::uint8_t { at_once, piecewise } read = Read::piecewise;
    };
    explicit Provider(const Plan& plan) : plan_(plan) {}

    // A request arrives. The answer begins anew: what a dead attempt wrote is charged to nobody.
    void open();
    bool can_write() const;
    // Writes the next chunk and bills it.
    void write(Chance& chance);
    void deliver();
    // The report of the last chunk comes again, as some providers do.
    void repeat_usage();
    void die(); // what was on its way is lost

    bool is_open() const { return opened_ && !dead_; }
    bool is_dead() const { return dead_; }
    bool is_flying() const { return !flying_.empty(); }
    enum class Arrived : std::uint8_t { some, all };
    bool has(Arrived arrived) const {
        return !arrived_.empty() && (arrived == Arrived::some || arrived_.back().end);
    }
    Chunk take();
    // So many tokens went on to the reader.
    void pass(std::int64_t tokens) { passed_ += tokens; }

    struct Bill {
        std::int64_t input = 0;
        std::int64_t output = 0;
        std::int64_t bytes = 0; // of text, of the output
    };
    const Bill& bill() const { return bill_; }
    // Tokens that were billed and that no reader has.
    std::int64_t unread() const { return bill_.output - passed_; }
    std::int64_t largest() const { return largest_; } // chunk, in tokens
    const Plan& plan() const { return plan_; }

private:
    chat::Usage usage() const;

    Plan plan_;
    Bill bill_;
    std::int64_t written_ = 0;
    std::int64_t delivered_ = 0;
    std::int64_t passed_ = 0;
    std::int64_t largest_ = 0;
    std::deque<Chunk> flying_;
    std::deque<Chunk> arrived_;
    std::optional<chat::Usage> told_;
    bool opened_ = false;
    bool dead_ = false;
    bool finished_ = false;
    bool summed_ = false;
    bool ended_ = false;
};

} // namespace weir::simulation
