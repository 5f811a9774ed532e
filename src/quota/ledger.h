#pragma once
// Prepaid accounts with two-phase entries. A request is admitted only if every budget that applies
// to it has room for its upper bound, all or none, under one lock; the hold is then made durable by
// the store's writer in batches, and settled when the answer ends. See docs/ledger.md for the
// invariants I1 to I6.
// Thread: any, except where a loop is named.

#include "base/caller.h"
#include "net/loop.h"
#include "net/signal.h"
#include "quota/books.h"
#include "quota/reservation.h"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace weir::quota {

class Ledger final : private WorkSource {
public:
    struct World {
        LedgerStore& store;
        const Clock& clock;
        Random& random;
    };
    // Recovers: loads the summary, replays the journal after it, settles every open hold as
    // `crash`, and starts the writer. Returns when that is durable.
    // Errors: ledger_unavailable with what is damaged.
    static Result<std::unique_ptr<Ledger>> open(World world, const config::Quota& defaults);
    // The state without recovery or writer, for reading a store that no server has open.
    static Result<Books> read(LedgerStore& store);
    ~Ledger() override;

    // Everything queued becomes durable; later reservations are refused.
    void stop();

    // Errors: model_not_allowed where a budget in usd meets a model without a price;
    // quota_exceeded, which says whose budget, when it resets and what would fit;
    // ledger_unavailable.
    Result<Reservation> reserve(const Caller& caller, const Bound& bound, std::string_view model);

    // Returns once the entry of that number, which settle() gave, is durable.
    WEIR_OWN_FRAME net::Task<Result<void>> when_durable(std::int64_t lsn, net::Loop& loop);

    // The number of the newest entry, for when_durable().
    std::int64_t newest();

    struct View {
        Account account;
        Window window; // the current one
    };
    // Every budget and meter of a subject in use now.
    std::vector<View> views(const Subject& subject);
    Books::Totals totals(const Subject& subject);
    // Sets a subject's own budget, or with no limit removes it, so that the file's default is back.
    // Returns the entry's number, for when_durable().
    std::int64_t set_budget(const Subject& subject, Unit unit, Period period,
                            std::optional<std::int64_t> limit);
    // Sets where a subject's days begin; a user's keys follow their user. A window in which
    // something was spent runs to its end first. Errors: not_found where it has no budget.
    Result<std::int64_t> set_zone(const Subject& subject, const config::TimeZone& zone);
    // A budget has reached one of its soft limits: told once for each window and percentage.
    struct SoftLimit {
        Account account;
        Window window;
        std::int64_t percent;
    };
    // `tell` must not block. Thread: the one that settles. Requires: set before the first request.
    void on_soft_limit(std::function<void(const SoftLimit&)> tell) { tell_ = std::move(tell); }
    // The file's budgets changed.
    void set_defaults(const config::Quota& defaults);

    // The disk cannot be written, with why, or can be again, with null: told at each change. `tell`
    // must not block. Thread: the writer's. Requires: set before the first request.
    void on_health(std::function<void(const Error*)> tell) { tell_health_ = std::move(tell); }

    // Ends every hold that nobody has renewed for limits::hold_time, at all that it holds, and says
    // how many. Its owner's end, should it come, becomes a correction. Called now and then.
    std::size_t expire();

    // How many holds of an earlier run open() found, and settled at what they held.
    std::int64_t crashed() const { return crashed_; }

    // Nothing is admitted: the disk cannot be written. It ends by itself, with the disk's trouble.
    bool broken() const { return broken_.load(std::memory_order_relaxed); }

private:
    friend class Reservation;
    struct Waiter {
        std::int64_t lsn;
        net::Loop* loop;
        net::Signal* signal;
        bool* failed;
    };

    Ledger(World world, const config::Quota& defaults);
    Result<void> recover();

    Work take() override;
    void committed(const Work& work) override;
    void failed(const Work& work, const Error& why) override;
    enum class Verdict : std::uint8_t { durable, lost };
    static void wake(std::vector<Waiter> waiters, Verdict verdict);

    Result<std::int64_t> extend(const Uuid& hold, std::int64_t tokens, std::int64_t nanousd);
    std::int64_t settle(const Uuid& hold, const Reservation::End& end);
    void release(const Uuid& hold);
    void renew(const Uuid& hold);

    static Entry whole_end(const Entry& hold, EntryKind kind, WallTime now);

    // Requires, from here on: the lock is held.
    // The number of the correction, where the hold has expired.
    std::optional<std::int64_t> correct(const Uuid& hold, const Amounts& used, const Cost& cost,
                                        Reason reason);
    std::int64_t append(const Entry& entry);
    // The soft limits that are passed are added to `reached`.
    std::int64_t end_hold(const Uuid& hold, const Reservation::End& end, const Amounts& used,
                          std::vector<SoftLimit>& reached);
    // The soft limits that `entry`, which has been applied, took its windows past.
    void find_reached(const Entry& entry, std::vector<SoftLimit>& out);
    // The beginning of an entry that ends an open hold, releasing everything; null where there is
    // no such hold.
    Entry* begin_end(const Uuid& hold, EntryKind kind);
    const std::vector<AccountState*>& accounts_for(const Payer& payer);
    // `zone`: that of accounts which have none of their own; null leaves what is there.
    void add_accounts(const Subject& subject, const config::TimeZone* zone,
                      std::vector<AccountState*>& out);
    // The zone that a command gave a subject, or null.
    const config::TimeZone* zone_of(const Subject& subject);
    AccountState& ensure_account(const Account& wanted);
    void make_limit_change(Account account);

    World world_;
    std::mutex mutex_;
    Books books_;
    std::function<void(const SoftLimit&)> tell_;
    std::function<void(const Error*)> tell_health_;
    Entry scratch_; // what is being appended; its memory is used again
    config::Quota defaults_;
    struct Charged {
        Payer payer;
        std::vector<AccountState*> accounts;
    };
    std::unordered_map<std::int64_t, Charged> charged_; // by key: what its requests are charged to
    struct Watched {
        SteadyTime renewed;
        SteadyTime written; // when an entry last said so
    };
    std::unordered_map<Uuid, Watched> watched_; // open holds that were met by expire()
    std::unordered_map<Uuid, Entry> expired_;   // the end of each, until its owner comes
    std::deque<Batch>
        pending_; // each at most limits::ledger_batch entries; the last one is being filled
    std::vector<Waiter> waiters_;
    std::int64_t next_lsn_ = 1;
    std::int64_t durable_lsn_ = 0;
    std::int64_t summary_lsn_ = 0;
    SteadyTime last_summary_{};
    SteadyTime last_holds_{};
    std::int64_t crashed_ = 0;
    std::condition_variable idle_;
    std::atomic<bool> broken_ = false;
    bool stopped_ = false; // no new reservations
    bool closed_ = false;  // nothing becomes durable any more
};

} // namespace weir::quota
