#pragma once
// The log of one generation: numbered events, one writer that appends, readers that keep an offset.
// It holds ChatEvents, never frames, so each reader speaks its own dialect. Bounded: the writer
// waits while what its readers have not passed yet fills the log. Thread: the loop of its
// generation.

#include "base/error.h"
#include "chat/chat_event.h"
#include "net/signal.h"

#include <memory>
#include <optional>
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
    std::string usage_raw;
    std::int64_t nanousd = 0;
    bool estimated = false;
};

// Who answers, once that is fixed.
struct Source {
    std::string provider;
    std::string model;
};

class StreamLog {
public:
    explicit StreamLog(net::Loop& loop) : room_(loop) {}
    StreamLog(const StreamLog&) = delete;
    StreamLog& operator=(const StreamLog&) = delete;

    // --- the writer
    void set_source(Source source) { source_ = std::move(source); }
    void append(chat::ChatEvent event);
    void end(Ending ending);
    // Returns when there is room for more, or nobody reads any longer.
    net::Task<void> wait_for_room();

    // --- the readers
    class Reader {
    public:
        // `wake` is notified whenever there is something new. Both outlive the reader.
        Reader(StreamLog& log, net::Signal& wake);
        ~Reader();
        Reader(const Reader&) = delete;
        Reader& operator=(const Reader&) = delete;

        // The next event, or null where there is none yet. Valid until the next call.
        const chat::ChatEvent* next();
        // How it ended, once everything was read.
        const Ending* ending() const;

    private:
        friend class StreamLog;
        StreamLog& log_;
        net::Signal& wake_;
        std::uint64_t position_;
        std::shared_ptr<const chat::ChatEvent> current_;
    };

    const std::optional<Source>& source() const { return source_; }
    bool ended() const { return ending_.has_value(); }
    const std::optional<Ending>& ending() const { return ending_; }
    std::size_t readers() const { return readers_.size(); }

private:
    void trim();

    using Event = std::shared_ptr<const chat::ChatEvent>;
    std::uint64_t count() const { return first_ + events_.size(); }
    const Event& at(std::uint64_t number) const { return events_[number - first_]; }

    std::vector<Event> events_; // its front may be dropped already, and then is null
    std::uint64_t first_ = 0;   // number of the front event
    std::uint64_t kept_ = 0;    // number of the oldest event that is still there
    std::size_t bytes_ = 0;
    std::optional<Source> source_;
    std::optional<Ending> ending_;
    std::vector<Reader*> readers_;
    net::Signal room_;
};

} // namespace weir::streams
