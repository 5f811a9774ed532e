#pragma once
// A store in memory that moves by hand: the history takes the ledger's work, lets it lie, and then
// writes it, fails it, or loses the process in the middle of it. What is on the disk survives; the
// rules for what is read back are those of the SQLite store.

#include "chance.h"
#include "quota/ledger_store.h"
#include "quota/verify.h"

#include <functional>
#include <map>
#include <tuple>

namespace weir::simulation {

class FakeDisk final : public quota::LedgerStore {
public:
    // `written` is told of each row once it is on the disk.
    FakeDisk(Chance& chance, std::function<void(const quota::StoredBatch&)> written)
        : chance_(chance), written_(std::move(written)) {}

    // --- the ledger's side

    Result<Saved> load() override;
    Result<void>
    read_journal(std::int64_t lsn,
                 const std::function<Result<void>(const quota::Batch&)>& visit) override;
    void start(quota::WorkSource& source) override;
    void urge() override;
    void nudge() override {}
    void stop() override;

    // --- the history's side

    // While a ledger opens, it waits for its first work: that is written at once, or this happens.
    enum class Opening : std::uint8_t { well, dies_before, dies_after };
    void begin_opening(Opening fate);
    void end_opening() { opening_ = false; }

    bool is_writing() const { return !in_hand_.empty(); }
    // Takes work, if there is any, none is in hand, and nothing that failed waits.
    void take();
    // Writes what is in hand, or everything that there is.
    void write();
    void write_all();
    // The write fails. After a failed fsync the rows may be there all the same.
    enum class Failure : std::uint8_t { clean, written };
    void fail(Failure failure);
    // Another's change fails, which the ledger is not told of.
    void fail_another();
    // The disk is looked at again: what failed is taken in hand once more, unless it is there. Or
    // it cannot be written yet.
    enum class Look : std::uint8_t { well, ill };
    void mend(Look look);
    bool is_ill() const { return ill_; }
    // Whether the ledger has heard that it cannot go on.
    bool is_told() const { return told_; }
    // The process is gone. A transaction that was being written is there whole or not at all; a
    // store that writes its summary apart may have lost that alone.
    enum class Torn : std::uint8_t { nothing, batch, all };
    void kill(Torn torn);

    std::int64_t last_lsn() const { return rows_.empty() ? 0 : rows_.back().batch.last_lsn(); }
    // What `weir ledger verify` says of it.
    quota::Verdict verify();

private:
    void committed(const quota::Work& work);
    void put_batch();
    void put_summary();

    Chance& chance_;
    std::function<void(const quota::StoredBatch&)> written_;
    quota::WorkSource* source_ = nullptr; // null while no process lives
    quota::Work in_hand_;
    quota::Work unfinished_; // what failed
    bool ill_ = false;
    bool there_ = false; // what failed is on it
    bool told_ = false;
    bool opening_ = false;
    Opening fate_ = Opening::well;

    std::vector<quota::StoredBatch> rows_;
    Saved saved_; // its numbers and the holds
    std::map<std::int64_t, quota::Account> accounts_;
    std::map<std::int64_t, std::map<std::int64_t, quota::WindowRow>> windows_; // account, start
    std::map<std::tuple<std::int64_t, std::int64_t, std::int64_t>, quota::UsageRow> usage_;
};

} // namespace weir::simulation
