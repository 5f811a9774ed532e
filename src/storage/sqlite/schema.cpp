#include "storage/sqlite/schema.h"

#include <array>

namespace weir::storage {
namespace {

// Never edit a step that was released: add one.
constexpr std::array<const char*, 5> steps{R"(
CREATE TABLE journal (
    first_lsn INTEGER PRIMARY KEY,
    count INTEGER NOT NULL,
    checksum BLOB NOT NULL,
    payload BLOB NOT NULL
);
CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    scope INTEGER NOT NULL,
    subject INTEGER NOT NULL,
    unit INTEGER NOT NULL,
    period INTEGER NOT NULL,
    "limit" INTEGER,
    origin INTEGER NOT NULL
);
CREATE TABLE window (
    account INTEGER NOT NULL,
    "start" INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    settled INTEGER NOT NULL,
    held INTEGER NOT NULL,
    PRIMARY KEY (account, "start")
) WITHOUT ROWID;
CREATE TABLE usage (
    day INTEGER NOT NULL,
    key INTEGER NOT NULL,
    user INTEGER NOT NULL,
    team INTEGER NOT NULL,
    model TEXT NOT NULL,
    requests INTEGER NOT NULL,
    tokens_in INTEGER NOT NULL,
    tokens_out INTEGER NOT NULL,
    nanousd INTEGER NOT NULL,
    overages INTEGER NOT NULL,
    PRIMARY KEY (day, key, user, team, model)
) WITHOUT ROWID;
CREATE TABLE summary (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    lsn INTEGER NOT NULL,
    holds_lsn INTEGER NOT NULL,
    holds BLOB NOT NULL
);
INSERT INTO summary VALUES (1, 0, 0, x'');
CREATE TABLE team (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
);
CREATE TABLE user (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    email TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    team INTEGER REFERENCES team (id),
    disabled INTEGER NOT NULL,
    password_hash TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE TABLE key (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    user INTEGER NOT NULL REFERENCES user (id),
    hash BLOB NOT NULL,
    models TEXT NOT NULL,
    rate TEXT NOT NULL,
    admin INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    last_used_at INTEGER
);
)",
                                           R"(
CREATE TABLE answer (
    key INTEGER NOT NULL,
    name TEXT NOT NULL,
    request BLOB NOT NULL,
    too_large INTEGER NOT NULL,
    frames BLOB NOT NULL,
    outcome INTEGER NOT NULL,
    tokens_in INTEGER NOT NULL,
    tokens_out INTEGER NOT NULL,
    tokens_cached INTEGER NOT NULL,
    tokens_reasoning INTEGER NOT NULL,
    usage TEXT NOT NULL,
    nanousd INTEGER NOT NULL,
    estimated INTEGER NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (key, name)
);
CREATE INDEX answer_by_age ON answer (created_at);
)",
                                           R"(
ALTER TABLE account ADD COLUMN zone TEXT NOT NULL DEFAULT 'UTC';
ALTER TABLE account ADD COLUMN zone_origin INTEGER NOT NULL DEFAULT 0;
CREATE TABLE price (
    version INTEGER PRIMARY KEY,
    input INTEGER NOT NULL,
    output INTEGER NOT NULL,
    cached_input INTEGER NOT NULL,
    reasoning INTEGER NOT NULL,
    first_seen INTEGER NOT NULL
);
CREATE INDEX window_that_holds ON window (account) WHERE held <> 0;
)",
                                           R"(
CREATE TABLE response (
    id TEXT PRIMARY KEY,
    user INTEGER NOT NULL,
    body TEXT NOT NULL,
    items TEXT NOT NULL,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX response_by_age ON response (created_at);
CREATE TABLE provider_key (
    id TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    state INTEGER NOT NULL,
    until INTEGER NOT NULL,
    refusals INTEGER NOT NULL,
    last_error TEXT NOT NULL
) WITHOUT ROWID;
)",
                                           R"(
CREATE TABLE added_key (
    provider TEXT NOT NULL,
    name TEXT NOT NULL,
    grp TEXT NOT NULL,
    weight INTEGER NOT NULL,
    stage TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (provider, name)
) WITHOUT ROWID;
)"};

} // namespace

Result<void> migrate(Database& database) {
    std::int64_t version = 0;
    {
        WEIR_TRY(Statement statement, database.prepare("PRAGMA user_version"));
        WEIR_TRY(const bool row, statement.next());
        if (row) version = statement.integer(0);
    }
    if (version > static_cast<std::int64_t>(steps.size())) {
        return refuse(
            Errc::ledger_unavailable,
            "the store was written by a newer Weir; install that version or restore a backup");
    }
    for (auto step = static_cast<std::size_t>(version); step < steps.size(); ++step) {
        const std::string mark = "PRAGMA user_version = " + std::to_string(step + 1);
        WEIR_CHECK(database.transaction([&]() -> Result<void> {
            WEIR_CHECK(database.run(steps[step]));
            return database.run(mark.c_str());
        }));
    }
    return {};
}

} // namespace weir::storage
