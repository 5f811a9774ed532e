#pragma once
// What has to be true: after each step, and after each start of the process.

#include "call.h"
#include "fake_clock.h"
#include "fake_disk.h"

#include <deque>

namespace weir::simulation {

class Promises {
public:
    struct World {
        FakeClock& clock;
        FakeDisk& disk;
        Model& model;
        const Witness& witness;
        const std::deque<Record>& records;
        Report& report;
    };
    explicit Promises(const World& world) : world_(world) {}

    // The balances of those that the step touched, and of one more.
    void check_step(quota::Ledger& ledger, std::size_t also);
    // No hold is left, and every balance is what memory had and what the entries say.
    void check_start(quota::Ledger& ledger);
    // Every window that ever was is what the entries say, and the auditor finds nothing.
    void check_journal();
    // Nothing is held any more, and every call has had its end.
    void check_rest();

private:
    void check_subject(quota::Ledger& ledger, std::size_t subject);
    void check_totals(quota::Ledger& ledger, const quota::Subject& subject);
    void check_bill(const Record& record);
    void check_amount(const Record& record, const Witness::Hold& hold);

    World world_;
};

} // namespace weir::simulation
