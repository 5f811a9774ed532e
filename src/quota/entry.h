#pragma once
// The ledger's immutable entries and how they are packed into a journal row: variable-length
// integers (LEB128, signed ones zigzagged), fields in the order below. An entry is never changed; a
// later truth is a new entry.

#include "base/token_text.h"
#include "quota/account.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::quota {

enum class EntryKind : std::uint8_t {
    reserve = 1,      // an admitted request holds its upper bound
    extend = 2,       // a hold grows
    settle = 3,       // the end of a hold with what was used
    void_ = 4,        // the end of a hold that used nothing
    expire = 5,       // the end of a hold that nobody ended in time
    overage = 6,      // use above the hold, recorded all the same
    correct = 7,      // a later truth about an ended hold
    limit_change = 8, // an account is made or its limit changes
};
std::string_view name(EntryKind kind);

enum class Reason : std::uint8_t {
    none = 0,
    complete = 1,    // the answer was whole
    interrupted = 2, // the provider failed in the middle
    cancelled = 3,   // the client left or stopped it
    crash = 4,       // found open after a restart
    failed = 5,      // every attempt failed before any output
};
std::string_view name(Reason reason);

// What an entry does to one window.
struct Delta {
    AccountId account;
    std::int64_t window_start = 0; // seconds since 1970
    std::int64_t settled = 0;
    std::int64_t held = 0;
    friend bool operator==(const Delta&, const Delta&) = default;
};

enum class Certainty : std::uint8_t { reported, estimated };

struct Entry {
    EntryKind kind = EntryKind::reserve;
    Uuid hold;
    std::int64_t at = 0; // microseconds since 1970
    Payer payer;
    std::vector<Delta> deltas;
    std::int64_t tokens_in = 0;
    std::int64_t tokens_out = 0;
    std::int64_t nanousd = 0;
    Reason reason = Reason::none;
    Certainty certainty = Certainty::reported;
    std::int64_t price_version = 0;
    std::string model;          // as the client named it
    std::string request_digest; // 32 bytes, of a RESERVE under an Idempotency-Key; else empty
    std::shared_ptr<const Account> account; // of a limit_change, else null
};

void append_entry(std::string& out, const Entry& entry);
// The next entry of a payload, which is shortened by it; nullopt where the bytes are not one.
std::optional<Entry> take_entry(std::string_view& payload);

} // namespace weir::quota
