#include "quota/verify.h"

#include <algorithm>
#include <fmt/core.h>
#include <map>
#include <utility>

namespace weir::quota {
namespace {

constexpr std::size_t faults_max = 100;

} // namespace

void Auditor::fault(std::int64_t lsn, std::string invariant, std::string detail) {
    if (verdict_.faults.size() < faults_max)
        verdict_.faults.push_back({lsn, std::move(invariant), std::move(detail)});
}

void Auditor::visit(const StoredBatch& row) {
    const Batch& batch = row.batch;
    if (saved_.summary_lsn < expected_) compare_summary();
    if (saved_.holds_lsn < expected_) compare_holds();
    if (batch.first_lsn != expected_) {
        fault(batch.first_lsn, "journal",
              batch.first_lsn > expected_
                  ? fmt::format("entries {} to {} are missing", expected_, batch.first_lsn - 1)
                  : fmt::format("entry {} is there again", batch.first_lsn));
    }
    expected_ = batch.last_lsn() + 1;
    if (row.checksum != batch_checksum(batch))
        fault(batch.first_lsn, "journal", "the row does not match its checksum");
    std::string_view payload = batch.payload;
    for (std::int64_t lsn = batch.first_lsn; lsn <= batch.last_lsn(); ++lsn) {
        const auto entry = take_entry(payload);
        if (!entry) {
            fault(lsn, "journal", "the entry cannot be read");
            return;
        }
        visit_entry(*entry, lsn);
        if (lsn == saved_.summary_lsn) compare_summary();
        if (lsn == saved_.holds_lsn) compare_holds();
    }
    if (!payload.empty()) fault(batch.last_lsn(), "journal", "the row holds more than its entries");
}

void Auditor::visit_entry(const Entry& entry, std::int64_t lsn) {
    ++verdict_.entries;
    if (const auto broken = books_.apply(entry)) {
        const bool numbered = broken->size() > 3 && broken->front() == 'I' && (*broken)[2] == ':';
        fault(lsn, numbered ? broken->substr(0, 2) : "journal",
              fmt::format("{}: {}", name(entry.kind), numbered ? broken->substr(4) : *broken));
        return;
    }
    if (entry.kind == EntryKind::void_ || entry.kind == EntryKind::reserve ||
        entry.kind == EntryKind::extend || entry.kind == EntryKind::limit_change)
        return;
    if (entry.kind == EntryKind::settle || entry.kind == EntryKind::expire) ++verdict_.requests;
    if (entry.kind == EntryKind::correct && entry.reason == Reason::failed) --verdict_.requests;
    // A damaged entry may wrap them, and must not stop the check.
    const auto add = [](std::int64_t& sum, std::int64_t n) {
        (void)__builtin_add_overflow(sum, n, &sum);
    };
    add(verdict_.tokens, entry.tokens_in);
    add(verdict_.tokens, entry.tokens_out);
    add(verdict_.nanousd, entry.nanousd);
}

// The stored windows and totals must be what the entries up to the summary's number make.
void Auditor::compare_summary() {
    if (std::exchange(summary_compared_, true)) return;
    compare_windows();
    for (const Account& account : saved_.accounts) {
        const AccountState* const state = books_.find(account.id);
        if (state == nullptr || state->account != account)
            fault(saved_.summary_lsn, "summary",
                  fmt::format("account {} is stored otherwise than its entries say",
                              account.id.value()));
    }
    if (saved_.accounts.size() != books_.accounts().size())
        fault(saved_.summary_lsn, "summary", "there are not as many accounts as entries make");
    compare_totals();
}

void Auditor::compare_windows() {
    const auto differs = [&](AccountId account, const Window& stored, const Window& counted) {
        if (stored.settled == counted.settled && stored.held == counted.held) return;
        fault(saved_.summary_lsn, "I3",
              fmt::format("account {}, window {}: stored {} settled and {} held, the entries "
                          "say {} and {}",
                          account.value(), counted.span.start, stored.settled, stored.held,
                          counted.settled, counted.held));
    };
    std::map<AccountId, std::map<std::int64_t, Window>> stored;
    for (const WindowRow& row : saved_.windows) {
        stored[row.account][row.window.span.start] = row.window;
        AccountState* const state = books_.find(row.account);
        const Window* const window =
            state == nullptr ? nullptr : state->find(row.window.span.start);
        differs(row.account, row.window, window == nullptr ? Window{row.window.span} : *window);
    }
    // What is not stored is empty, or over since before the newest that is.
    for (const AccountState& state : books_.accounts()) {
        const auto& rows = stored[state.account.id];
        for (const Window& window : state.windows) {
            if (rows.contains(window.span.start)) continue;
            if (window.held == 0 && !rows.empty() && window.span.start < rows.rbegin()->first)
                continue;
            differs(state.account.id, Window{window.span}, window);
        }
    }
}

void Auditor::compare_totals() {
    // One row a payer: if each of them and their sum are right, none is missing.
    Books::Totals stored;
    for (const UsageRow& row : saved_.totals) {
        const Books::Totals total{row.requests, row.tokens_in, row.tokens_out,
                                  row.nanousd,  row.overages,  0};
        if (total != books_.totals_of(row.payer))
            fault(saved_.summary_lsn, "summary",
                  fmt::format("the usage totals of key {}, user {} are not what the entries add "
                              "up to",
                              row.payer.key.value(), row.payer.user.value()));
        stored.requests += row.requests;
    }
    if (stored.requests != books_.totals({Scope::everyone, 0}).requests)
        fault(saved_.summary_lsn, "summary", "the usage totals are not what the entries add up to");
}

// The open holds are stored less often, under a number of their own.
void Auditor::compare_holds() {
    if (std::exchange(holds_compared_, true)) return;
    Books stored;
    LedgerStore::Saved holds_only;
    holds_only.open_holds = saved_.open_holds;
    const bool readable = stored.restore(holds_only);
    const auto same = [&](const auto& named) {
        const auto found = stored.holds().find(named.first);
        return found != stored.holds().end() && found->second.deltas == named.second.deltas;
    };
    if (!readable || stored.holds().size() != books_.holds().size() ||
        !std::ranges::all_of(books_.holds(), same))
        fault(saved_.holds_lsn, "summary", "the open holds are not what the entries leave open");
}

Verdict Auditor::finish() && {
    if (saved_.summary_lsn >= expected_) {
        fault(expected_ - 1, "journal",
              fmt::format("it ends at entry {}, but the summary knows entry {}", expected_ - 1,
                          saved_.summary_lsn));
    } else {
        compare_summary();
        compare_holds();
    }
    verdict_.holds_open = static_cast<std::int64_t>(books_.holds().size());
    return std::move(verdict_);
}

} // namespace weir::quota
