#include "fake_disk.h"

#include "base/limits.h"

#include <algorithm>

namespace weir::simulation {

using quota::StoredBatch;

Result<quota::LedgerStore::Saved> FakeDisk::load() {
    Saved out = saved_;
    for (const auto& [id, account] : accounts_) out.accounts.push_back(account);
    // The newest of each account, and whatever still holds something.
    for (const auto& [account, rows] : windows_) {
        std::size_t newer = rows.size();
        for (const auto& [start, row] : rows)
            if (newer-- <= limits::windows_kept || row.window.held != 0) out.windows.push_back(row);
    }
    for (const auto& [payer, row] : usage_) out.totals.push_back(row);
    return out;
}

// From the row that holds `lsn` on, or from an earlier one: a reader skips what it knows.
Result<void> FakeDisk::read_journal(std::int64_t lsn,
                                    const std::function<Result<void>(const quota::Batch&)>& visit) {
    auto row = std::ranges::find_if(
        rows_, [&](const StoredBatch& stored) { return stored.batch.last_lsn() >= lsn; });
    for (std::int64_t more = chance_.between(0, 3); more > 0 && row != rows_.begin(); --more) --row;
    for (; row != rows_.end(); ++row) WEIR_CHECK(visit(row->batch));
    return {};
}

void FakeDisk::start(quota::WorkSource& source) { source_ = &source; }

void FakeDisk::urge() {
    if (source_ == nullptr || !opening_) return;
    if (fate_ == Opening::well) return write_all();
    take();
    fail(fate_ == Opening::dies_after ? Failure::written : Failure::clean);
}

// It is looked at once more if need be; what cannot be written then is lost.
void FakeDisk::stop() {
    if (source_ == nullptr) return;
    if (opening_) return kill(Torn::nothing);
    if (ill_) mend(chance_.one_in(2) ? Look::well : Look::ill);
    write_all();
    source_ = nullptr;
}

void FakeDisk::begin_opening(Opening fate) {
    opening_ = true;
    fate_ = fate;
}

void FakeDisk::take() {
    if (source_ != nullptr && in_hand_.empty() && !ill_) in_hand_ = source_->take();
}

void FakeDisk::committed(const quota::Work& work) {
    told_ = false;
    source_->committed(work);
}

void FakeDisk::write() {
    if (source_ == nullptr || in_hand_.empty()) return;
    put_batch();
    put_summary();
    committed(std::exchange(in_hand_, {}));
}

void FakeDisk::write_all() {
    for (take(); is_writing(); take()) write();
}

void FakeDisk::fail(Failure failure) {
    if (in_hand_.empty()) return;
    there_ = failure == Failure::written;
    if (there_) {
        put_batch();
        put_summary();
    }
    unfinished_ = std::exchange(in_hand_, {});
    ill_ = told_ = true;
    source_->failed(unfinished_, Error(Errc::ledger_unavailable).because("the disk is full"));
}

void FakeDisk::fail_another() {
    if (is_writing()) return;
    ill_ = true;
}

void FakeDisk::mend(Look look) {
    if (look == Look::ill) {
        told_ = true;
        source_->failed(unfinished_, Error(Errc::ledger_unavailable).because("it is full still"));
        return;
    }
    ill_ = false;
    quota::Work work = std::exchange(unfinished_, {});
    if (std::exchange(there_, false) || work.empty()) return committed(work);
    in_hand_ = std::move(work);
}

void FakeDisk::kill(Torn torn) {
    if (torn != Torn::nothing) put_batch();
    if (torn == Torn::all) put_summary();
    in_hand_ = unfinished_ = {};
    ill_ = there_ = told_ = false;
    source_ = nullptr;
}

void FakeDisk::put_batch() {
    if (in_hand_.batch.count == 0) return;
    rows_.push_back({in_hand_.batch, quota::batch_checksum(in_hand_.batch)});
    written_(rows_.back());
}

void FakeDisk::put_summary() {
    if (!in_hand_.summary) return;
    const quota::Summary& summary = *in_hand_.summary;
    saved_.summary_lsn = summary.lsn;
    for (const quota::Account& account : summary.accounts)
        accounts_.insert_or_assign(account.id.value(), account);
    for (const quota::WindowRow& row : summary.windows)
        windows_[row.account.value()].insert_or_assign(row.window.span.start, row);
    for (const quota::UsageRow& row : summary.usage) {
        const std::int64_t team = row.payer.team ? row.payer.team->value() : 0;
        quota::UsageRow& kept = usage_[{row.payer.key.value(), row.payer.user.value(), team}];
        kept.payer = row.payer;
        kept.requests += row.requests;
        kept.tokens_in += row.tokens_in;
        kept.tokens_out += row.tokens_out;
        kept.nanousd += row.nanousd;
        kept.overages += row.overages;
    }
    if (!summary.open_holds) return;
    saved_.holds_lsn = summary.lsn;
    saved_.open_holds = *summary.open_holds;
}

quota::Verdict FakeDisk::verify() {
    quota::Auditor auditor(*load());
    for (const StoredBatch& row : rows_) auditor.visit(row);
    return std::move(auditor).finish();
}

} // namespace weir::simulation
