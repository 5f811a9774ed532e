#pragma once
// The log of one generation: numbered events, one writer that appends, readers that keep an offset.
// It holds ChatEvents, never frames, so each reader speaks its own dialect. Events are numbered
// from
// 1. It is the one object that crosses threads: the writer lives on its generation's loop, each
// reader on the loop of its connection.
// Bounds: a log that can be re-joined keeps everything up to limits::stream_bytes; then the oldest
// events that every reader has passed go, and a reader that holds back the tail is cut. A log that
// cannot be re-joined has no such bound, and drops what its readers have passed; so do all while
// the memory of all logs together is used up.

#include "base/error.h"
#include "base/guarded.h"
#include "base/ids.h"
#include "chat/chat_event.h"
#include "chat/chat_request.h"
#include "net/signal.h"

#include <atomic>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weir::streams {

// How a generation ended; the ledger, the readers and the record all tell the same.
enum class Outcome : std::uint8_t { complete, interrupted, cancelled, filtered };
std::string_view name(Outcome outcome);

struct Ending {
    Outcome outcome = Outcome::complete;
    std::optional<Error> error; // what readers are told; absent when complete
    std::optional<Error> limit; // the budget that made a complete answer a short one
    chat::Usage usage;
    std::string usage_raw; // the provider's own object, or empty
    chat::Native usage_native = chat::Native::openai;
    std::int64_t nanousd = 0;
    bool estimated = false;
    std::string remark; // what went wrong and did no harm, for the log
};

// Who answers, once that is fixed.
struct Source {
    std::string provider;
    std::string model;
    std::string dropped = {}; // the fields of the request that it was not told
};

// What the answer was begun as, for those who join it later.
struct Begun {
    std::string id; // of the stream; empty: it cannot be joined
    UserId owner;
    std::string door;      // the name of the gateway's door
    std::string answer_id; // as the client knows it
    chat::UsageWish usage = chat::UsageWish::quiet;
    std::string echo; // what of the request the answer repeats, in its door's dialect
    // Whether others may read it who asked the same: then its owner alone cannot stop it.
    enum class Audience : std::uint8_t { owner, all_who_ask } audience = Audience::owner;
    // Whether all that it says is kept beside the log, too.
    enum class Keeping : std::uint8_t { here, beside } keeping = Keeping::here;
};

// Bytes of all logs together.
struct Memory {
    std::atomic<std::int64_t> used = 0;
    std::int64_t most = std::numeric_limits<std::int64_t>::max();
    bool is_full() const { return used > most; }
};

class StreamLog : public std::enable_shared_from_this<StreamLog> {
public:
    StreamLog(net::Loop& writer, Begun begun, Memory& memory)
        : writer_(writer), begun_(std::move(begun)), memory_(memory) {}
    ~StreamLog();
    StreamLog(const StreamLog&) = delete;
    StreamLog& operator=(const StreamLog&) = delete;

    const Begun& begun() const { return begun_; }
    bool can_be_joined() const { return !begun_.id.empty(); }

    // --- the writer. Thread: its loop's.
    // `heed` is called on the writer's loop: without an error when the last reader has left, with
    // one when somebody asks the generation to stop. Never after end().
    using Heed = std::function<void(std::optional<Error>)>;
    void on_wish(Heed heed);
    void set_source(Source source);
    void append(chat::ChatEvent event);
    void end(Ending ending);
    bool ended() const { return ended_.load(std::memory_order_acquire); }

    // --- whoever has it. Thread: any.
    void ask_to_stop(Error why);
    std::shared_ptr<const Source> source() const { return state_.lock()->source; }
    // The Started event, also where it is dropped by now; null where there was none yet.
    std::shared_ptr<const chat::ChatEvent> started() const { return state_.lock()->started; }
    std::int64_t bytes() const { return state_.lock()->bytes; }
    // How many read it now.
    std::size_t listening() const { return state_.lock()->listening; }
    // What was said so far; nullopt where part of it was dropped.
    std::optional<std::string> output() const;
    // The number of the newest event; 0 before the first.
    std::uint64_t newest() const { return state_.lock()->end() - 1; }

    // Whether the answer is made for this reader, or it only looks how it ends.
    // One who joins listens too, but only while others do: an answer that nobody listens to any
    // more is being given up.
    enum class Presence : std::uint8_t { listens, looks, joins };

    // Thread: the loop of its connection.
    class Reader {
    public:
        // Gives every event that is still there. `wake` is notified whenever there is something
        // new; it outlives the reader. Where events after the one numbered `after` are gone, it is
        // cut.
        Reader(std::shared_ptr<StreamLog> log, net::Loop& mine, net::Signal& wake,
               std::uint64_t after = 0, Presence presence = Presence::listens);
        ~Reader();
        Reader(const Reader&) = delete;
        Reader& operator=(const Reader&) = delete;

        // The next event, or null where there is none yet. Valid until the next call.
        const chat::ChatEvent* next();
        // Of the event that next() gave last.
        std::uint64_t number() const { return passed_; }
        // How it ended, if it has, whatever was read: for those who only look.
        const Ending* look();
        // How it ended, once everything was read.
        const Ending* ending() const { return ending_.get(); }
        // It held back a full log, or what it asked for is gone: there is nothing more for it.
        bool was_cut() const { return cut_; }
        // The same, also before next() has told so.
        bool will_be_cut() const {
            const auto state = log_->state_.lock();
            return cut_ || cut_wished_;
        }

    private:
        friend class StreamLog;
        // What another loop posts to wake this one; it may come after the reader is gone.
        struct Bell {
            net::Signal* signal;
            std::atomic<bool> rung = false;
        };
        void ring();

        std::shared_ptr<StreamLog> log_;
        net::Loop& mine_;
        Presence presence_;
        std::shared_ptr<Bell> bell_; // where the writer is on another loop
        net::Signal& wake_;
        std::uint64_t passed_; // guarded by the log's lock for writing
        bool cut_ = false;
        bool cut_wished_ = false; // guarded by the log's lock
        std::shared_ptr<const chat::ChatEvent> current_;
        std::shared_ptr<const Ending> ending_;
    };

private:
    using Event = std::shared_ptr<const chat::ChatEvent>;
    struct State {
        std::vector<Event> events; // its front may be dropped already, and then is null
        std::uint64_t first = 1;   // number of the front event
        std::uint64_t kept = 1;    // number of the oldest event that is still there
        std::int64_t bytes = 0;
        Event started; // kept for those who join late
        std::vector<Reader*> readers;
        std::size_t listening = 0;
        std::shared_ptr<const Source> source;
        std::shared_ptr<const Ending> ending;
        Heed heed;
        std::uint64_t end() const { return first + events.size(); } // one past the last
    };
    void drop_passed(State& state, std::uint64_t up_to);
    void keep_bounds(State& state);
    void drop_read(State& state);
    void reader_left();

    net::Loop& writer_;
    Begun begun_;
    Memory& memory_;
    std::atomic<bool> ended_ = false;
    mutable Guarded<State> state_;
};

} // namespace weir::streams
