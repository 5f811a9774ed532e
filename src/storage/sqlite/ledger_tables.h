#pragma once
// The ledger's rows: writes one Work in one transaction, reads them back at a start.

#include "quota/ledger_store.h"
#include "storage/sqlite/database.h"

#include <functional>

namespace weir::storage {

class LedgerTables {
public:
    explicit LedgerTables(Database& database) : database_(database) {}

    Result<void> write(const quota::Work& work);
    // Whether its batch is what comes next on the disk. Errors: ledger_unavailable where it is not.
    Result<void> expects(const quota::Work& work);
    Result<quota::LedgerStore::Saved> load();
    Result<void> read_journal(std::int64_t lsn,
                              const std::function<Result<void>(const quota::Batch&)>& visit);

private:
    Result<void> write_batch(const quota::Batch& batch);
    Result<void> write_summary(const quota::Summary& summary);
    Result<void> load_accounts(quota::LedgerStore::Saved& saved);
    Result<void> load_windows(quota::LedgerStore::Saved& saved);
    Result<void> load_totals(quota::LedgerStore::Saved& saved);
    // Prepared at its first use and kept.
    Result<Statement*> kept(std::optional<Statement>& place, const char* sql);

    Database& database_;
    std::optional<Statement> begin_;
    std::optional<Statement> commit_;
    std::optional<Statement> insert_batch_;
    std::optional<Statement> put_account_;
    std::optional<Statement> put_window_;
    std::optional<Statement> add_usage_;
    std::optional<Statement> put_summary_;
    std::optional<Statement> put_holds_;
};

} // namespace weir::storage
