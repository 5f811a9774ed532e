#pragma once
// Where a stream is found again: every log that can be re-joined, while it runs and for some time
// after. All logs share one bound of memory: ended ones go first, the oldest of them first.
// Thread: any.

#include "base/clock.h"
#include "net/interrupt.h"
#include "streams/stream_log.h"

#include <deque>
#include <unordered_map>

namespace weir::streams {

class StreamIndex {
public:
    StreamIndex(const Clock& clock, std::size_t memory_most) : clock_(clock) {
        memory_.most = static_cast<std::int64_t>(memory_most);
    }

    // A log, in the index where it can be joined.
    std::shared_ptr<StreamLog> open(net::Loop& writer, Begun begun);
    // It has ended: it stays for limits::stream_time, as far as there is room.
    void ended(const StreamLog& log);
    // Null where there is none, or it is someone else's.
    std::shared_ptr<StreamLog> find(std::string_view id, UserId owner);
    // It is not found any more, where it has ended and is not someone else's.
    void forget(std::string_view id, UserId owner);

    // Answers that are being made.
    std::int64_t running() const { return running_; }
    bool is_full() const { return memory_.is_full(); }
    // Returns once running logs leave room for more, or when interrupted; ended logs are dropped
    // for it.
    WEIR_OWN_FRAME net::Task<void> room(net::Loop& mine, net::Interrupt& interrupt);

private:
    struct Ended {
        SteadyTime at;
        std::string id;
    };
    struct State {
        std::unordered_map<std::string, std::shared_ptr<StreamLog>> logs;
        std::deque<Ended> ended; // oldest first
    };
    void drop_old();

    const Clock& clock_;
    Memory memory_; // outlives the logs, which count themselves out of it
    std::atomic<std::int64_t> running_ = 0;
    Guarded<State> state_;
};

} // namespace weir::streams
