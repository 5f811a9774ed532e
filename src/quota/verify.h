#pragma once
// The ledger's auditor: recomputes every balance from the journal alone, checks the invariants I1
// to I5 at each
// entry, and compares the result with the stored summary. Reads only.

#include "quota/books.h"

#include <cstdint>
#include <string>
#include <vector>

namespace weir::quota {

struct LedgerFault {
    std::int64_t lsn = 0;  // the entry at fault
    std::string invariant; // "I1" to "I5", "journal" or "summary"
    std::string detail;
};

struct Verdict {
    std::int64_t entries = 0;
    std::int64_t holds_open = 0;
    std::int64_t requests = 0;
    std::int64_t tokens = 0;
    std::int64_t nanousd = 0;
    std::vector<LedgerFault> faults; // the first hundred
    bool ok() const { return faults.empty(); }
};

// A journal row as it is stored, with the checksum that stands beside it.
struct StoredBatch {
    Batch batch;
    std::string checksum;
};

class Auditor {
public:
    explicit Auditor(LedgerStore::Saved saved) : saved_(std::move(saved)) {}

    // The journal's rows, in the order of their numbers.
    void visit(const StoredBatch& row);
    // After the last row.
    Verdict finish() &&;

private:
    void visit_entry(const Entry& entry, std::int64_t lsn);
    void fault(std::int64_t lsn, std::string invariant, std::string detail);
    void compare_summary();
    void compare_windows();
    void compare_totals();
    void compare_holds();

    LedgerStore::Saved saved_;
    Verdict verdict_;
    Books books_;
    std::int64_t expected_ = 1;
    bool summary_compared_ = false;
    bool holds_compared_ = false;
};

} // namespace weir::quota
