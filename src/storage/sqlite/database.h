#pragma once
// A thin owner of a SQLite connection and its prepared statements. Every failure is a Result:
// SQLite's own message goes to the log as detail. Thread: one at a time.

#include "base/error.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace weir::storage {

class Statement {
public:
    Statement& bind(int index, std::int64_t value);
    Statement& bind(int index, std::string_view text);
    Statement& bind_blob(int index, std::string_view bytes);
    Statement& bind(int index, const std::optional<std::int64_t>& value);

    // Runs a statement that gives no rows, and makes it ready for the next use.
    Result<void> run();
    // True while there is a row to read; after the last one, or an error, it is ready for the next
    // use.
    Result<bool> next();
    // Makes it ready for the next use before its rows are read to the end.
    void reset();

    std::int64_t integer(int column) const;
    std::optional<std::int64_t> maybe_integer(int column) const;
    std::string text(int column) const; // text or blob

private:
    friend class Database;
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const;
    };
    std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};

class Database {
public:
    enum class Mode : std::uint8_t { read_only, read_write };
    // Errors: ledger_unavailable, with the path and the reason as message.
    static Result<Database> open(const std::string& path, Mode mode);

    Result<void> run(const char* sql);
    Result<Statement> prepare(std::string_view sql);
    std::int64_t last_row() const;

    // BEGIN … COMMIT around `work`; anything that fails rolls back.
    template <class Work>
    Result<void> transaction(Work&& work) {
        WEIR_CHECK(run("BEGIN IMMEDIATE"));
        Result<void> done = work();
        if (done) done = run("COMMIT");
        if (!done) (void)run("ROLLBACK");
        return done;
    }

private:
    struct Close {
        void operator()(sqlite3* handle) const;
    };
    std::unique_ptr<sqlite3, Close> handle_;
};

} // namespace weir::storage
