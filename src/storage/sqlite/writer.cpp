#include "storage/sqlite/writer.h"

#include "base/limits.h"
#include "storage/sqlite/ledger_tables.h"

#include <algorithm>

namespace weir::storage {
namespace {

// With fewer requests in flight a batch could not grow much: waiting would cost latency and save
// nothing.
constexpr std::size_t busy_requests = 8;
constexpr std::size_t full_batch = 256;
constexpr auto mend_time = std::chrono::seconds(1); // between two looks at a disk in trouble

Error closed() { return Error(Errc::ledger_unavailable).because("the store is closed"); }
Error in_trouble() {
    return Error(Errc::ledger_unavailable)
        .because("the disk could not be written a moment ago")
        .retry_in(mend_time);
}

} // namespace

Writer::Writer(Database database, const Clock& clock)
    : database_(std::move(database)),
      tables_(std::make_unique<LedgerTables>(database_)),
      clock_(clock),
      thread_([this] { run(); }) {}

Writer::~Writer() { stop(); }

void Writer::enqueue(Change work, Done done) {
    std::unique_lock lock(mutex_);
    if (stopped_ || ill_) {
        Error why = stopped_ ? closed() : in_trouble();
        lock.unlock();
        return done(std::unexpected(std::move(why)));
    }
    jobs_.push_back({std::move(work), std::move(done)});
    if (waiting_) wake_.notify_one();
}

void Writer::start(quota::WorkSource& source) {
    const std::lock_guard lock(mutex_);
    source_ = &source;
    if (waiting_) wake_.notify_one();
}

void Writer::urge() {
    const std::lock_guard lock(mutex_);
    urgent_ = true;
    // A batch that is large enough waits for no more.
    if (waiting_ || ++urges_ == full_batch) wake_.notify_one();
}

void Writer::nudge() {
    const std::lock_guard lock(mutex_);
    if (nudged_) return;
    nudged_ = true;
    nudge_due_ = std::min(nudge_due_, clock_.steady() + limits::settle_time);
    if (waiting_) wake_.notify_one();
}

void Writer::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        wake_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
}

void Writer::run() {
    std::unique_lock lock(mutex_);
    while (true) {
        wait_for_work(lock);
        if (ill_ && mend(lock) == Health::ill) {
            if (stopping_) break;
            continue;
        }
        run_jobs(lock);
        const Wrote wrote = source_ != nullptr && !ill_ ? commit(lock) : Wrote::nothing;
        // What queued while the last batch was written is written too.
        if (stopping_ && (ill_ || (jobs_.empty() && wrote == Wrote::nothing))) break;
    }
    refuse_jobs(lock);
    stopped_ = true;
}

Writer::Health Writer::mend(std::unique_lock<std::mutex>& lock) {
    refuse_jobs(lock);
    lock.unlock();
    const Result<void> mended = start_afresh();
    // The ledger hears of it when what failed is written; what failed was another's change where
    // there is nothing left to write.
    if (mended && source_ != nullptr && unfinished_.empty()) source_->committed({});
    if (!mended && source_ != nullptr) source_->failed(unfinished_, mended.error());
    lock.lock();
    ill_ = !mended;
    mend_due_ = clock_.steady() + mend_time;
    return ill_ ? Health::ill : Health::well;
}

// The connection knows what it had acknowledged, and that what failed came after. A database that
// was opened anew could find what failed in the log, whole, and take it for acknowledged. And a
// sync that failed may have dropped what it could not write without the next one knowing, so
// nothing less than writing it all again will do.
Result<void> Writer::start_afresh() {
    WEIR_TRY(Statement checkpoint, database_.prepare("PRAGMA wal_checkpoint(TRUNCATE)"));
    WEIR_TRY(const bool row, checkpoint.next());
    if (!row || checkpoint.integer(0) != 0)
        return refuse(
            Error(Errc::ledger_unavailable).because("a reader holds up the disk's repair"));
    checkpoint.reset();
    if (unfinished_.empty()) return {};
    return tables_->expects(unfinished_);
}

void Writer::refuse_jobs(std::unique_lock<std::mutex>& lock) {
    while (!jobs_.empty()) {
        Job job = std::move(jobs_.front());
        jobs_.pop_front();
        lock.unlock();
        job.done(std::unexpected(in_trouble()));
        lock.lock();
    }
}

// Returns when there is something to do: a job, an urgent entry whose gap has passed, or a due
// summary.
void Writer::wait_for_work(std::unique_lock<std::mutex>& lock) {
    while (!stopping_ && ill_) {
        const SteadyTime now = clock_.steady();
        if (mend_due_ <= now) return;
        waiting_ = false; // nothing but the end of it is worth waking up for
        wake_.wait_for(lock, mend_due_ - now);
    }
    while (!stopping_ && jobs_.empty()) {
        const SteadyTime now = clock_.steady();
        SteadyTime until = nudge_due_;
        if (urgent_) {
            const bool busy = in_flight_ >= busy_requests && urges_ < full_batch;
            until = busy ? last_commit_ + limits::commit_gap : now;
        }
        if (until <= now) return;
        // More urgent entries change nothing about the gap: it is slept through undisturbed.
        waiting_ = !urgent_;
        if (until == SteadyTime::max()) wake_.wait(lock);
        else wake_.wait_for(lock, until - now);
        waiting_ = false;
    }
}

void Writer::run_jobs(std::unique_lock<std::mutex>& lock) {
    while (!jobs_.empty() && !ill_) {
        Job job = std::move(jobs_.front());
        jobs_.pop_front();
        lock.unlock();
        Result<void> outcome = database_.transaction([&] { return job.work(database_); });
        const bool failed = !outcome && outcome.error().code() == Errc::ledger_unavailable;
        job.done(std::move(outcome));
        lock.lock();
        ill_ = failed;
        mend_due_ = {};
    }
}

Writer::Wrote Writer::commit(std::unique_lock<std::mutex>& lock) {
    urgent_ = nudged_ = false;
    urges_ = 0;
    nudge_due_ = SteadyTime::max();
    lock.unlock();
    const SteadyTime begun = clock_.steady();
    quota::Work work = unfinished_.empty() ? source_->take() : std::exchange(unfinished_, {});
    bool failed = false;
    if (!work.empty()) {
        const Result<void> done = tables_->write(work);
        failed = !done;
        if (done) source_->committed(work);
        else source_->failed(work, done.error());
    }
    lock.lock();
    if (work.empty()) return Wrote::nothing;
    if (failed) {
        unfinished_ = std::move(work);
        ill_ = true;
        mend_due_ = {};
        return Wrote::nothing;
    }
    urgent_ = urgent_ || work.more;
    in_flight_ = work.in_flight;
    last_commit_ = begun;
    // The windows that changed are written a little later, when more have.
    if (work.batch.count > 0) nudge_due_ = std::min(nudge_due_, begun + limits::window_flush_time);
    return Wrote::something;
}

} // namespace weir::storage
