#include "storage/sqlite/ledger_tables.h"

#include "base/limits.h"

namespace weir::storage {

using quota::Batch;
using quota::LedgerStore;
using quota::Summary;

Result<Statement*> LedgerTables::kept(std::optional<Statement>& place, const char* sql) {
    if (!place) {
        WEIR_TRY(Statement statement, database_.prepare(sql));
        place.emplace(std::move(statement));
    }
    return &*place;
}

Result<void> LedgerTables::write(const quota::Work& work) {
    WEIR_TRY(Statement* const begin, kept(begin_, "BEGIN IMMEDIATE"));
    WEIR_TRY(Statement* const commit, kept(commit_, "COMMIT"));
    WEIR_CHECK(begin->run());
    Result<void> done;
    if (work.batch.count > 0) done = write_batch(work.batch);
    if (done && work.summary) done = write_summary(*work.summary);
    if (done) done = commit->run();
    if (!done) (void)database_.run("ROLLBACK");
    return done;
}

Result<void> LedgerTables::expects(const quota::Work& work) {
    if (work.batch.count == 0) return {};
    WEIR_TRY(Statement newest, database_.prepare("SELECT max(first_lsn), count FROM journal"));
    WEIR_TRY(const bool row, newest.next());
    const std::int64_t next = row ? newest.integer(0) + newest.integer(1) : 0;
    newest.reset();
    if (std::max<std::int64_t>(next, 1) == work.batch.first_lsn) return {};
    return refuse(Error(Errc::ledger_unavailable)
                      .because("the disk has lost journal rows that it had acknowledged"));
}

Result<void> LedgerTables::write_batch(const Batch& batch) {
    WEIR_TRY(Statement* const insert,
             kept(insert_batch_,
                  "INSERT INTO journal (first_lsn, count, checksum, payload) VALUES (?, ?, ?, ?)"));
    const std::string checksum = quota::batch_checksum(batch);
    insert->bind(1, batch.first_lsn).bind(2, std::int64_t{batch.count});
    insert->bind_blob(3, checksum).bind_blob(4, batch.payload);
    return insert->run();
}

Result<void> LedgerTables::write_summary(const Summary& summary) {
    WEIR_TRY(
        Statement* const account,
        kept(put_account_, "INSERT OR REPLACE INTO account VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    for (const quota::Account& row : summary.accounts) {
        account->bind(1, row.id.value()).bind(2, static_cast<std::int64_t>(row.subject.scope));
        account->bind(3, row.subject.id).bind(4, static_cast<std::int64_t>(row.unit));
        account->bind(5, static_cast<std::int64_t>(row.period)).bind(6, row.limit);
        account->bind(7, static_cast<std::int64_t>(row.origin));
        account->bind(8, std::string_view(row.zone->name()));
        account->bind(9, static_cast<std::int64_t>(row.zone_origin));
        WEIR_CHECK(account->run());
    }
    WEIR_TRY(Statement* const window,
             kept(put_window_, "INSERT OR REPLACE INTO window VALUES (?, ?, ?, ?, ?)"));
    for (const quota::WindowRow& row : summary.windows) {
        window->bind(1, row.account.value())
            .bind(2, row.window.span.start)
            .bind(3, row.window.span.end);
        window->bind(4, row.window.settled).bind(5, row.window.held);
        WEIR_CHECK(window->run());
    }
    WEIR_TRY(
        Statement* const usage,
        kept(add_usage_,
             "INSERT INTO usage VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO "
             "UPDATE SET requests = requests + ?6, tokens_in = tokens_in + ?7, "
             "tokens_out = tokens_out + ?8, nanousd = nanousd + ?9, overages = overages + ?10"));
    for (const quota::UsageRow& row : summary.usage) {
        usage->bind(1, row.day).bind(2, row.payer.key.value()).bind(3, row.payer.user.value());
        usage->bind(4, row.payer.team ? row.payer.team->value() : 0)
            .bind(5, std::string_view(row.model));
        usage->bind(6, row.requests).bind(7, row.tokens_in).bind(8, row.tokens_out);
        usage->bind(9, row.nanousd).bind(10, row.overages);
        WEIR_CHECK(usage->run());
    }
    WEIR_TRY(Statement* const mark, kept(put_summary_, "UPDATE summary SET lsn = ?"));
    WEIR_CHECK(mark->bind(1, summary.lsn).run());
    if (!summary.open_holds) return {};
    WEIR_TRY(Statement* const holds,
             kept(put_holds_, "UPDATE summary SET holds_lsn = ?, holds = ?"));
    return holds->bind(1, summary.lsn).bind_blob(2, *summary.open_holds).run();
}

Result<LedgerStore::Saved> LedgerTables::load() {
    LedgerStore::Saved saved;
    WEIR_TRY(Statement summary, database_.prepare("SELECT lsn, holds_lsn, holds FROM summary"));
    WEIR_TRY(const bool there, summary.next());
    if (there) {
        saved.summary_lsn = summary.integer(0);
        saved.holds_lsn = summary.integer(1);
        saved.open_holds = summary.text(2);
    }
    summary.reset();
    WEIR_CHECK(load_accounts(saved));
    WEIR_CHECK(load_windows(saved));
    WEIR_CHECK(load_totals(saved));
    return saved;
}

Result<void> LedgerTables::load_accounts(LedgerStore::Saved& saved) {
    WEIR_TRY(Statement rows,
             database_.prepare("SELECT id, scope, subject, unit, period, \"limit\", origin, zone, "
                               "zone_origin FROM account ORDER BY id"));
    while (true) {
        WEIR_TRY(const bool row, rows.next());
        if (!row) return {};
        quota::Account account;
        account.id = quota::AccountId(rows.integer(0));
        account.subject = {static_cast<quota::Scope>(rows.integer(1)), rows.integer(2)};
        account.unit = static_cast<quota::Unit>(rows.integer(3));
        account.period = static_cast<quota::Period>(rows.integer(4));
        account.limit = rows.maybe_integer(5);
        account.origin = static_cast<quota::Account::Origin>(rows.integer(6));
        account.zone = config::TimeZone::find(rows.text(7));
        if (account.zone == nullptr)
            return refuse(Error(Errc::ledger_unavailable)
                              .because("this system knows no time zone " + rows.text(7)));
        account.zone_origin = static_cast<quota::Account::Origin>(rows.integer(8));
        saved.accounts.push_back(account);
    }
}

Result<void> LedgerTables::load_windows(LedgerStore::Saved& saved) {
    // Of each account the newest, and whatever still holds something.
    WEIR_TRY(
        Statement rows,
        database_.prepare(
            "SELECT w.account, w.\"start\", w.\"end\", w.settled, w.held FROM account AS a "
            "JOIN window AS w ON w.account = a.id AND w.\"start\" >= coalesce((SELECT \"start\" "
            "FROM window WHERE account = a.id ORDER BY \"start\" DESC LIMIT 1 OFFSET ?1), "
            "w.\"start\") "
            "UNION SELECT account, \"start\", \"end\", settled, held FROM window "
            "WHERE held <> 0"));
    rows.bind(1, static_cast<std::int64_t>(limits::windows_kept) - 1);
    while (true) {
        WEIR_TRY(const bool row, rows.next());
        if (!row) return {};
        saved.windows.push_back(
            {quota::AccountId(rows.integer(0)),
             {{rows.integer(1), rows.integer(2)}, rows.integer(3), rows.integer(4)}});
    }
}

Result<void> LedgerTables::load_totals(LedgerStore::Saved& saved) {
    WEIR_TRY(
        Statement rows,
        database_.prepare("SELECT key, user, team, sum(requests), sum(tokens_in), sum(tokens_out), "
                          "sum(nanousd), sum(overages) FROM usage GROUP BY key, user, team"));
    while (true) {
        WEIR_TRY(const bool row, rows.next());
        if (!row) return {};
        quota::UsageRow total;
        total.payer = {KeyId(rows.integer(0)), UserId(rows.integer(1)), std::nullopt};
        if (rows.integer(2) != 0) total.payer.team = TeamId(rows.integer(2));
        total.requests = rows.integer(3);
        total.tokens_in = rows.integer(4);
        total.tokens_out = rows.integer(5);
        total.nanousd = rows.integer(6);
        total.overages = rows.integer(7);
        saved.totals.push_back(std::move(total));
    }
}

Result<void> LedgerTables::read_journal(std::int64_t lsn,
                                        const std::function<Result<void>(const Batch&)>& visit) {
    WEIR_TRY(Statement rows,
             database_.prepare("SELECT first_lsn, count, checksum, payload FROM journal "
                               "WHERE first_lsn > ? ORDER BY first_lsn"));
    // The row that holds `lsn` itself may begin this much earlier; what it repeats, the reader
    // skips.
    rows.bind(1, lsn - static_cast<std::int64_t>(limits::ledger_batch));
    std::int64_t expected = 0;
    while (true) {
        WEIR_TRY(const bool row, rows.next());
        if (!row) return {};
        Batch batch{rows.integer(0), static_cast<std::uint32_t>(rows.integer(1)), rows.text(3)};
        const auto damaged = [&](const char* what) {
            return refuse(
                Error(Errc::ledger_unavailable)
                    .because("journal row " + std::to_string(batch.first_lsn) + " " + what));
        };
        if (rows.text(2) != quota::batch_checksum(batch))
            return damaged("does not match its checksum");
        const bool follows =
            expected == 0 ? batch.first_lsn <= lsn + 1 : batch.first_lsn == expected;
        if (!follows) return damaged("does not follow the one before");
        expected = batch.last_lsn() + 1;
        WEIR_CHECK(visit(batch));
    }
}

} // namespace weir::storage
