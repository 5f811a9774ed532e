#pragma once
// Which answers are being made that somebody else may share. Whoever asks the same at the same time
// reads the same log; each is a reader like any other, so the one who began it may leave.
// Thread: any.

#include "base/digest.h"
#include "base/guarded.h"
#include "streams/stream_log.h"

#include <map>
#include <memory>
#include <optional>

namespace weir::streams {

class SingleFlight {
public:
    // A place among the listeners of a log, held before the caller's own reader takes it over.
    class Seat {
    public:
        Seat(std::shared_ptr<StreamLog> log, net::Loop& loop)
            : wake_(loop),
              reader_(std::in_place, std::move(log), loop, wake_, 0, StreamLog::Presence::joins) {}
        // The answer goes on, and nothing of it is gone.
        bool is_good() const { return reader_ && !reader_->was_cut(); }
        StreamLog::Reader& reader() { return *reader_; }
        net::Signal& wake() { return wake_; }
        void release() { reader_.reset(); }

    private:
        net::Signal wake_;
        std::optional<StreamLog::Reader> reader_;
    };

    // The answer that is being made under this digest; null where there is none.
    std::shared_ptr<StreamLog> find(const Digest& asked);
    // From here on others find it. An answer that is found already stays.
    void begin(const Digest& asked, const std::shared_ptr<StreamLog>& log);
    void end(const Digest& asked, const StreamLog& log);

private:
    Guarded<std::map<Digest, std::weak_ptr<StreamLog>>> running_;
};

} // namespace weir::streams
