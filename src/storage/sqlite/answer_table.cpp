#include "storage/sqlite/answer_table.h"

#include "base/limits.h"

#include <algorithm>

namespace weir::storage {
namespace {

std::int64_t oldest(WallTime now) {
    return (now - limits::idempotency_time).time_since_epoch().count();
}

std::string_view bytes_of(const Digest& digest) {
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

} // namespace

Result<std::optional<streams::StoredAnswer>> find_answer(Database& database, KeyId owner,
                                                         std::string_view key, WallTime now) {
    WEIR_TRY(Statement row,
             database.prepare("SELECT request, too_large, frames, outcome, tokens_in, tokens_out, "
                              "tokens_cached, tokens_reasoning, usage, nanousd, estimated, "
                              "provider, model FROM answer "
                              "WHERE key = ? AND name = ? AND created_at > ?"));
    row.bind(1, owner.value()).bind(2, key).bind(3, oldest(now));
    WEIR_TRY(const bool there, row.next());
    if (!there) return std::nullopt;
    streams::StoredAnswer out;
    const std::string request = row.text(0);
    if (request.size() != out.request.size())
        return refuse(Error(Errc::ledger_unavailable).because("a stored answer is damaged"));
    std::ranges::copy(request, out.request.begin());
    using Size = streams::StoredAnswer::Size;
    out.size = row.integer(1) != 0 ? Size::too_large : Size::kept;
    out.frames = row.text(2);
    out.ending.outcome =
        static_cast<streams::Outcome>(std::clamp<std::int64_t>(row.integer(3), 0, 3));
    out.ending.usage = {Tokens(row.integer(4)), Tokens(row.integer(5)), Tokens(row.integer(6)),
                        Tokens(row.integer(7))};
    out.ending.usage_raw = row.text(8);
    out.ending.nanousd = row.integer(9);
    out.ending.estimated = row.integer(10) != 0;
    out.source = {row.text(11), row.text(12)};
    return out;
}

Result<void> save_answer(Database& database, KeyId owner, std::string_view key,
                         const streams::StoredAnswer& answer, WallTime now) {
    WEIR_TRY(Statement old, database.prepare("DELETE FROM answer WHERE created_at <= ?"));
    WEIR_CHECK(old.bind(1, oldest(now)).run());
    WEIR_TRY(Statement row,
             database.prepare("INSERT OR REPLACE INTO answer (key, name, request, too_large, "
                              "frames, outcome, tokens_in, tokens_out, tokens_cached, "
                              "tokens_reasoning, usage, nanousd, estimated, provider, model, "
                              "created_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"));
    const bool too_large = answer.size == streams::StoredAnswer::Size::too_large;
    const chat::Usage& usage = answer.ending.usage;
    row.bind(1, owner.value()).bind(2, key).bind_blob(3, bytes_of(answer.request));
    row.bind(4, std::int64_t{too_large}).bind_blob(5, answer.frames);
    row.bind(6, static_cast<std::int64_t>(answer.ending.outcome));
    row.bind(7, usage.input.value()).bind(8, usage.output.value());
    row.bind(9, usage.cached_input.value()).bind(10, usage.reasoning.value());
    row.bind(11, answer.ending.usage_raw).bind(12, answer.ending.nanousd);
    row.bind(13, std::int64_t{answer.ending.estimated}).bind(14, answer.source.provider);
    row.bind(15, answer.source.model).bind(16, now.time_since_epoch().count());
    return row.run();
}

} // namespace weir::storage
