#pragma once
// Reads the journal alone, row by row as it reaches the disk, and holds it against I1 to I5 with
// sums of its own: what the product's auditor does, said again without the product's books. It also
// knows what each call was charged, by the model's name that its entries carry.

#include "people.h"
#include "quota/reservation.h"
#include "quota/verify.h"
#include "report.h"

#include <optional>
#include <unordered_map>
#include <vector>

namespace weir::simulation {

class Witness {
public:
    explicit Witness(Report& report) : report_(report) {}

    void see(const quota::StoredBatch& row);

    struct Hold {
        std::optional<quota::EntryKind> end;
        quota::Reason reason = quota::Reason::none;
        std::vector<quota::Delta> held;
        quota::Cost bound;   // held, extensions included
        quota::Cost charged; // by its end
    };
    // Null where the disk knows no hold of that call.
    const Hold* find(std::size_t call) const;

    struct Account {
        quota::Account account;
        std::vector<quota::Window> windows;
    };
    const std::vector<Account>& accounts() const { return accounts_; }

    static std::string name_of(std::size_t call) { return "m" + std::to_string(call); }

private:
    void see_entry(const quota::Entry& entry);
    void see_account(const quota::Entry& entry);
    void open(const quota::Entry& entry);
    void extend(const quota::Entry& entry, Hold& hold);
    void end(const quota::Entry& entry, Hold& hold);
    void see_overage(const quota::Entry& entry, const Hold& hold);
    void change(const quota::Entry& entry, const quota::Delta& delta);
    void check_admitted(const quota::Entry& entry);
    quota::Window* window_of(const quota::Delta& delta);

    Report& report_;
    std::int64_t next_ = 1;
    std::int64_t lsn_ = 0; // being seen
    std::vector<Account> accounts_;
    std::unordered_map<Uuid, std::size_t> calls_; // of the holds
    std::vector<std::optional<Hold>> holds_;      // by call
};

} // namespace weir::simulation
