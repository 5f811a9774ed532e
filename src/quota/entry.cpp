#include "quota/entry.h"

#include <cstring>

namespace weir::quota {
namespace {

constexpr std::uint64_t deltas_max = 64;
constexpr std::uint64_t model_bytes_max = 512;
constexpr std::uint64_t zone_bytes_max = 64;
constexpr std::uint64_t keyed_bit = 16; // beside the kind: a digest follows the model
constexpr std::size_t digest_bytes = 32;

void append_unsigned(std::string& out, std::uint64_t value) {
    while (value >= 0x80) {
        out.push_back(static_cast<char>(value | 0x80));
        value >>= 7;
    }
    out.push_back(static_cast<char>(value));
}

void append_signed(std::string& out, std::int64_t value) {
    append_unsigned(out, (static_cast<std::uint64_t>(value) << 1) ^
                             static_cast<std::uint64_t>(value >> 63));
}

// Reads fields off the front; after the first that is not there, everything reads as zero and ok()
// is false.
class Cursor {
public:
    explicit Cursor(std::string_view bytes) : bytes_(bytes) {}

    std::uint64_t take_unsigned() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            if (bytes_.empty()) break;
            const auto byte = static_cast<unsigned char>(bytes_.front());
            bytes_.remove_prefix(1);
            if (shift == 63 && byte > 1) break;
            value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
            if ((byte & 0x80) == 0) return value;
        }
        ok_ = false;
        return 0;
    }
    std::int64_t take_signed() {
        const std::uint64_t raw = take_unsigned();
        return static_cast<std::int64_t>(raw >> 1) ^ -static_cast<std::int64_t>(raw & 1);
    }
    std::uint64_t take_up_to(std::uint64_t max) {
        const std::uint64_t value = take_unsigned();
        if (value > max) ok_ = false;
        return ok_ ? value : 0;
    }
    std::string_view take_bytes(std::size_t length) {
        if (bytes_.size() < length) ok_ = false;
        if (!ok_) return {};
        const std::string_view out = bytes_.substr(0, length);
        bytes_.remove_prefix(length);
        return out;
    }
    void spoil() { ok_ = false; }
    bool ok() const { return ok_; }
    std::string_view rest() const { return bytes_; }

private:
    std::string_view bytes_;
    bool ok_ = true;
};

void append_account(std::string& out, const Account& account) {
    append_signed(out, account.id.value());
    append_unsigned(out, static_cast<std::uint64_t>(account.subject.scope));
    append_signed(out, account.subject.id);
    append_unsigned(out, static_cast<std::uint64_t>(account.unit));
    append_unsigned(out, static_cast<std::uint64_t>(account.period));
    append_signed(out, account.limit.value_or(-1));
    // The name of a zone follows where it is not UTC.
    const bool zoned = account.zone != &config::TimeZone::utc();
    append_unsigned(out, static_cast<std::uint64_t>(account.origin) |
                             static_cast<std::uint64_t>(account.zone_origin) << 1 |
                             static_cast<std::uint64_t>(zoned) << 2);
    if (!zoned) return;
    append_unsigned(out, account.zone->name().size());
    out += account.zone->name();
}

Account take_account(Cursor& cursor) {
    Account account;
    account.id = AccountId(cursor.take_signed());
    account.subject.scope = static_cast<Scope>(cursor.take_up_to(3));
    account.subject.id = cursor.take_signed();
    account.unit = static_cast<Unit>(cursor.take_up_to(2));
    account.period = static_cast<Period>(cursor.take_up_to(3));
    const std::int64_t limit = cursor.take_signed();
    if (limit >= 0) account.limit = limit;
    const std::uint64_t marks = cursor.take_up_to(7);
    account.origin = static_cast<Account::Origin>(marks & 1);
    account.zone_origin = static_cast<Account::Origin>(marks >> 1 & 1);
    if ((marks & 4) == 0) return account;
    account.zone = config::TimeZone::find(cursor.take_bytes(cursor.take_up_to(zone_bytes_max)));
    if (account.zone == nullptr || account.zone == &config::TimeZone::utc()) cursor.spoil();
    return account;
}

} // namespace

std::string_view name(EntryKind kind) {
    switch (kind) {
    case EntryKind::reserve: return "RESERVE";
    case EntryKind::extend: return "EXTEND";
    case EntryKind::settle: return "SETTLE";
    case EntryKind::void_: return "VOID";
    case EntryKind::expire: return "EXPIRE";
    case EntryKind::overage: return "OVERAGE";
    case EntryKind::correct: return "CORRECT";
    case EntryKind::limit_change: return "LIMIT_CHANGE";
    }
    return "?";
}

std::string_view name(Reason reason) {
    switch (reason) {
    case Reason::none: return "";
    case Reason::complete: return "complete";
    case Reason::interrupted: return "interrupted";
    case Reason::cancelled: return "cancelled";
    case Reason::crash: return "crash";
    case Reason::failed: return "failed";
    }
    return "";
}

void append_entry(std::string& out, const Entry& entry) {
    const bool keyed = entry.request_digest.size() == digest_bytes;
    append_unsigned(out, static_cast<std::uint64_t>(entry.kind) | (keyed ? keyed_bit : 0));
    out.append(reinterpret_cast<const char*>(entry.hold.bytes.data()), entry.hold.bytes.size());
    append_signed(out, entry.at);
    append_signed(out, entry.payer.key.value());
    append_signed(out, entry.payer.user.value());
    append_signed(out, entry.payer.team ? entry.payer.team->value() : 0);
    append_unsigned(out, entry.deltas.size());
    for (const Delta& delta : entry.deltas) {
        append_signed(out, delta.account.value());
        append_signed(out, delta.window_start);
        append_signed(out, delta.settled);
        append_signed(out, delta.held);
    }
    append_signed(out, entry.tokens_in);
    append_signed(out, entry.tokens_out);
    append_signed(out, entry.nanousd);
    append_unsigned(out, static_cast<std::uint64_t>(entry.reason));
    append_unsigned(out, static_cast<std::uint64_t>(entry.certainty));
    append_signed(out, entry.price_version);
    const std::string_view model = std::string_view(entry.model).substr(0, model_bytes_max);
    append_unsigned(out, model.size());
    out += model;
    if (keyed) out += entry.request_digest;
    if (entry.kind == EntryKind::limit_change)
        append_account(out, entry.account ? *entry.account : Account{});
}

std::optional<Entry> take_entry(std::string_view& payload) {
    Cursor cursor(payload);
    Entry entry;
    const std::uint64_t marked = cursor.take_up_to(keyed_bit | 8);
    const bool keyed = (marked & keyed_bit) != 0;
    const std::uint64_t kind = marked & ~keyed_bit;
    if (kind == 0 || kind > 8) return std::nullopt;
    entry.kind = static_cast<EntryKind>(kind);
    const std::string_view hold = cursor.take_bytes(entry.hold.bytes.size());
    if (!cursor.ok()) return std::nullopt;
    std::memcpy(entry.hold.bytes.data(), hold.data(), hold.size());
    entry.at = cursor.take_signed();
    entry.payer.key = KeyId(cursor.take_signed());
    entry.payer.user = UserId(cursor.take_signed());
    if (const std::int64_t team = cursor.take_signed(); team != 0) entry.payer.team = TeamId(team);
    const std::uint64_t deltas = cursor.take_up_to(deltas_max);
    for (std::uint64_t i = 0; i < deltas && cursor.ok(); ++i) {
        Delta delta;
        delta.account = AccountId(cursor.take_signed());
        delta.window_start = cursor.take_signed();
        delta.settled = cursor.take_signed();
        delta.held = cursor.take_signed();
        entry.deltas.push_back(delta);
    }
    entry.tokens_in = cursor.take_signed();
    entry.tokens_out = cursor.take_signed();
    entry.nanousd = cursor.take_signed();
    entry.reason = static_cast<Reason>(cursor.take_up_to(5));
    entry.certainty = static_cast<Certainty>(cursor.take_up_to(1));
    entry.price_version = cursor.take_signed();
    entry.model = cursor.take_bytes(cursor.take_up_to(model_bytes_max));
    if (keyed) entry.request_digest = cursor.take_bytes(digest_bytes);
    if (entry.kind == EntryKind::limit_change)
        entry.account = std::make_shared<const Account>(take_account(cursor));
    if (!cursor.ok()) return std::nullopt;
    payload = cursor.rest();
    return entry;
}

} // namespace weir::quota
