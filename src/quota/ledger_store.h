#pragma once
// What the ledger needs from a store: a journal of batches, made durable one transaction each by
// the store's own writer thread, and lazily written summaries from which a restart begins.

#include "base/error.h"
#include "quota/account.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace weir::quota {

// One journal row: `count` packed entries with consecutive numbers from `first_lsn` on.
struct Batch {
    std::int64_t first_lsn = 0;
    std::uint32_t count = 0;
    std::string payload;
    std::int64_t last_lsn() const { return first_lsn + count - 1; }
};
// Over number, count and payload: finds a flipped byte or a row under another number. 16 bytes.
std::string batch_checksum(const Batch& batch);

struct WindowRow {
    AccountId account;
    Window window;
};

// What was used, by day, payer and model: for reports. Amounts are to be added to what is stored.
struct UsageRow {
    std::int64_t day = 0; // days since 1970, UTC
    Payer payer;
    std::string model;
    std::int64_t requests = 0;
    std::int64_t tokens_in = 0;
    std::int64_t tokens_out = 0;
    std::int64_t nanousd = 0;
    std::int64_t overages = 0;
};

// The lazily written part: everything up to and including `lsn` is in it.
struct Summary {
    std::int64_t lsn = 0;
    std::vector<Account> accounts;  // changed since the last summary
    std::vector<WindowRow> windows; // changed since the last summary, absolute
    std::vector<UsageRow> usage;    // to be added
    // The RESERVE entries of open holds, packed, where it is time to write them.
    std::optional<std::string> open_holds;
};

// What one turn of the writer thread has to make durable.
struct Work {
    Batch batch; // perhaps empty
    std::optional<Summary> summary;
    bool more = false;         // another batch waits already
    std::size_t in_flight = 0; // requests between their RESERVE and their end
    bool empty() const { return batch.count == 0 && !summary; }
};

// The ledger as the writer thread sees it. Thread: the writer's.
class WorkSource {
public:
    virtual ~WorkSource() = default;
    virtual Work take() = 0;
    // Follows each take() that was not empty; after failed() it says that the disk can be written
    // again, with what had failed, or with nothing where that was another's change.
    virtual void committed(const Work& work) = 0;
    // It could not be made durable. The writer keeps it, tries every second whether the disk can be
    // written again, and takes nothing else before this is on it.
    virtual void failed(const Work& work, const Error& why) = 0;
};

class LedgerStore {
public:
    virtual ~LedgerStore() = default;

    struct Saved {
        std::int64_t summary_lsn = 0;
        std::vector<Account> accounts;
        std::vector<WindowRow> windows; // those that have not ended, or hold something
        std::int64_t holds_lsn = 0;
        std::string open_holds;
        std::vector<UsageRow> totals; // all time, one a payer; day 0 and no model
    };
    virtual Result<Saved> load() = 0;
    // Every batch that has an entry after `lsn`, in order; perhaps some before. `visit` returns an
    // error to stop.
    // Errors: ledger_unavailable where a row is damaged or missing.
    virtual Result<void> read_journal(std::int64_t lsn,
                                      const std::function<Result<void>(const Batch&)>& visit) = 0;

    // Starts pulling work. The source must outlive stop().
    virtual void start(WorkSource& source) = 0;
    // There is work that somebody waits for. Thread: any; cheap when the writer is busy.
    virtual void urge() = 0;
    // There is work that can ride with the next urgent one, but not longer than
    // limits::settle_time.
    virtual void nudge() = 0;
    // Makes everything durable that was queued, and ends the pulling.
    virtual void stop() = 0;
};

} // namespace weir::quota
