#pragma once
// From the stream log to one client, in its dialect: as a stream or gathered whole. The relay is a
// reader like any other; when its client leaves, it lets go of the log.

#include "gateway/door.h"
#include "gateway/generation.h"
#include "gateway/responder.h"

#include <functional>

namespace weir::gateway {

struct RelayInput {
    net::Exchange& exchange;
    std::shared_ptr<streams::StreamLog> log;
    const Clock& clock;
    SteadyTime started; // when the request arrived
    // How long a client that is gone is remembered for what its answer came to.
    enum class Memory : std::uint8_t { brief, to_the_end } memory = Memory::brief;
    // Of one who shares an answer that another pays for: given up once the relay reads by itself.
    streams::SingleFlight::Seat* seat = nullptr;
};

// Where a reader that joins a stream begins, and whether its events carry their numbers.
struct Joining {
    std::uint64_t after = 0;
    enum class Numbers : std::uint8_t { hidden, shown } numbers = Numbers::hidden;
};

// Holds the 200 back until the first event, for at most limits::open_time: an answer that fails
// before is a proper status.
WEIR_OWN_FRAME net::Task<void> relay_stream(RelayInput input, Responder responder,
                                            std::unique_ptr<dialects::StreamEncoder> encoder,
                                            Joining joining = {});

// `quota_json` is asked when the answer is settled.
WEIR_OWN_FRAME net::Task<void> relay_whole(RelayInput input, Responder responder,
                                           std::unique_ptr<dialects::WholeEncoder> encoder,
                                           std::function<std::string()> quota_json);

} // namespace weir::gateway
