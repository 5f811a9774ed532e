#include "quota/verify.h"

#include <fmt/core.h>
#include <map>

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
    if (compared_at_ < 0 && saved_.summary_lsn < expected_) compare_summary();
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
    verdict_.tokens += entry.tokens_in + entry.tokens_out;
    verdict_.nanousd += entry.nanousd;
}

// The stored windows and totals must be what the entries up to the summary's number make.
void Auditor::compare_summary() {
    compared_at_ = saved_.summary_lsn;
    for (const WindowRow& row : saved_.windows) {
        AccountState* const state = books_.find(row.account);
        const Window* const window = state == nullptr ? nullptr : state->find(row.window.span.start);
        const std::int64_t settled = window == nullptr ? 0 : window->settled;
        const std::int64_t held = window == nullptr ? 0 : window->held;
        if (settled == row.window.settled && held == row.window.held) continue;
        fault(saved_.summary_lsn, "I3",
              fmt::format("account {}, window {}: stored {} settled and {} held, the entries say {} and {}",
                          row.account.value(), row.window.span.start, row.window.settled, row.window.held,
                          settled, held));
    }
    for (const Account& account : saved_.accounts) {
        const AccountState* const state = books_.find(account.id);
        if (state == nullptr || state->account.limit != account.limit ||
            state->account.subject != account.subject)
            fault(saved_.summary_lsn, "summary",
                  fmt::format("account {} is stored otherwise than its entries say", account.id.value()));
    }
    Books::Totals stored;
    for (const UsageRow& row : saved_.totals) {
        stored.requests += row.requests;
        stored.tokens_in += row.tokens_in;
        stored.tokens_out += row.tokens_out;
        stored.nanousd += row.nanousd;
    }
    const Books::Totals counted = books_.totals({Scope::everyone, 0});
    if (stored.requests != counted.requests || stored.tokens_in != counted.tokens_in ||
        stored.tokens_out != counted.tokens_out || stored.nanousd != counted.nanousd)
        fault(saved_.summary_lsn, "summary", "the usage totals are not what the entries add up to");
}

Verdict Auditor::finish() && {
    if (saved_.summary_lsn >= expected_) {
        fault(expected_ - 1, "journal",
              fmt::format("it ends at entry {}, but the summary knows entry {}", expected_ - 1,
                          saved_.summary_lsn));
    } else if (compared_at_ < 0) {
        compare_summary();
    }
    verdict_.holds_open = static_cast<std::int64_t>(books_.holds().size());
    return std::move(verdict_);
}

} // namespace weir::quota
