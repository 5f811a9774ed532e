#pragma once
// The one thread that writes to the store. It commits the ledger's batches, paced so that they grow
// under load, and runs other changes as jobs between them, each in a transaction of its own.
// After a failed write it refuses every change until all that it had acknowledged is synced once
// more, into the file itself, and the log that holds what failed is cut to nothing: so what was
// refused is not there later. Then the ledger's batch that failed is written again.

#include "base/clock.h"
#include "quota/ledger_store.h"
#include "storage/sqlite/database.h"

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace weir::storage {

class LedgerTables;

class Writer {
public:
    Writer(Database database, const Clock& clock);
    ~Writer();

    // Queues a change; `work` runs on the writer's thread and its outcome goes to `done` there.
    // After stop() it is refused at once.
    using Change = std::move_only_function<Result<void>(Database&)>;
    using Done = std::move_only_function<void(Result<void>)>;
    void enqueue(Change work, Done done);

    // The ledger's side: see quota::LedgerStore.
    void start(quota::WorkSource& source);
    void urge();
    void nudge();
    void stop();

    // For loading before start(). Requires: no source was started.
    Database& database() { return database_; }

private:
    struct Job {
        Change work;
        Done done;
    };
    void run();
    enum class Health : std::uint8_t { well, ill };
    Health mend(std::unique_lock<std::mutex>& lock);
    Result<void> start_afresh();
    void refuse_jobs(std::unique_lock<std::mutex>& lock);
    void wait_for_work(std::unique_lock<std::mutex>& lock);
    void run_jobs(std::unique_lock<std::mutex>& lock);
    enum class Wrote : std::uint8_t { nothing, something };
    Wrote commit(std::unique_lock<std::mutex>& lock);

    Database database_;
    std::unique_ptr<LedgerTables> tables_;
    quota::Work unfinished_; // what failed, until it is on the disk
    const Clock& clock_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Job> jobs_;
    quota::WorkSource* source_ = nullptr;
    bool urgent_ = false;
    std::size_t urges_ = 0; // since the last commit
    bool nudged_ = false;
    bool waiting_ = false; // the thread sleeps, so a change must wake it
    bool ill_ = false;     // the last write failed
    SteadyTime mend_due_{};
    bool stopping_ = false;
    bool stopped_ = false; // the thread has ended
    SteadyTime nudge_due_ = SteadyTime::max();
    SteadyTime last_commit_{};
    std::size_t in_flight_ = 0; // requests in progress at the last commit
    std::thread thread_;
};

} // namespace weir::storage
