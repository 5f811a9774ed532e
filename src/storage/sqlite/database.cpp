#include "storage/sqlite/database.h"

#include <sqlite3.h>

namespace weir::storage {
namespace {

Error failure(sqlite3* handle, std::string_view doing) {
    return Error(Errc::ledger_unavailable)
        .because(std::string("sqlite: ") + std::string(doing) + ": " + sqlite3_errmsg(handle));
}

} // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
void Database::Close::operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }

Statement& Statement::bind(int index, std::int64_t value) {
    sqlite3_bind_int64(handle_.get(), index, value);
    return *this;
}

Statement& Statement::bind(int index, std::string_view text) {
    sqlite3_bind_text64(handle_.get(), index, text.data(), text.size(), SQLITE_TRANSIENT,
                        SQLITE_UTF8);
    return *this;
}

Statement& Statement::bind_blob(int index, std::string_view bytes) {
    sqlite3_bind_blob64(handle_.get(), index, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
    return *this;
}

Statement& Statement::bind(int index, const std::optional<std::int64_t>& value) {
    if (value) return bind(index, *value);
    sqlite3_bind_null(handle_.get(), index);
    return *this;
}

Result<void> Statement::run() {
    const int step = sqlite3_step(handle_.get());
    sqlite3* const database = sqlite3_db_handle(handle_.get());
    Result<void> done;
    if (step != SQLITE_DONE && step != SQLITE_ROW)
        done = refuse(failure(database, sqlite3_sql(handle_.get())));
    reset();
    return done;
}

Result<bool> Statement::next() {
    const int step = sqlite3_step(handle_.get());
    if (step == SQLITE_ROW) return true;
    sqlite3* const database = sqlite3_db_handle(handle_.get());
    Result<bool> done = false;
    if (step != SQLITE_DONE) done = refuse(failure(database, sqlite3_sql(handle_.get())));
    reset();
    return done;
}

void Statement::reset() {
    sqlite3_reset(handle_.get());
    sqlite3_clear_bindings(handle_.get());
}

std::int64_t Statement::integer(int column) const {
    return sqlite3_column_int64(handle_.get(), column);
}

std::optional<std::int64_t> Statement::maybe_integer(int column) const {
    if (sqlite3_column_type(handle_.get(), column) == SQLITE_NULL) return std::nullopt;
    return integer(column);
}

std::string Statement::text(int column) const {
    const auto* const bytes = static_cast<const char*>(sqlite3_column_blob(handle_.get(), column));
    const auto length = static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column));
    return bytes == nullptr ? std::string() : std::string(bytes, length);
}

Result<Database> Database::open(const std::string& path, Mode mode) {
    const int flags =
        mode == Mode::read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    sqlite3* raw = nullptr;
    const int opened = sqlite3_open_v2(path.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX, nullptr);
    Database database;
    database.handle_.reset(raw);
    if (opened != SQLITE_OK)
        return refuse(Errc::ledger_unavailable, "cannot open " + path + ": " + sqlite3_errmsg(raw));
    sqlite3_busy_timeout(raw, 5000);
    return database;
}

Result<void> Database::run(const char* sql) {
    if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK)
        return refuse(failure(handle_.get(), sql));
    return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
    sqlite3_stmt* raw = nullptr;
    const int prepared = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                            SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
    Statement statement;
    statement.handle_.reset(raw);
    if (prepared != SQLITE_OK) return refuse(failure(handle_.get(), sql));
    return statement;
}

std::int64_t Database::last_row() const { return sqlite3_last_insert_rowid(handle_.get()); }

} // namespace weir::storage
