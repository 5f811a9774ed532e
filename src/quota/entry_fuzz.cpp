// Whatever a journal row holds: entries or none, never a crash; and what is read as an entry is the
// same entry when it is packed and read again.

#include "quota/entry.h"

#include <cstdint>
#include <cstdlib>

namespace {

using weir::quota::append_entry;
using weir::quota::Entry;
using weir::quota::take_entry;

void require(bool condition) {
    if (!condition) std::abort();
}

void require_same(const Entry& a, const Entry& b) {
    require(a.kind == b.kind && a.hold == b.hold && a.at == b.at);
    require(a.payer.key == b.payer.key && a.payer.user == b.payer.user);
    require(a.payer.team == b.payer.team && a.deltas.size() == b.deltas.size());
    require(a.tokens_in == b.tokens_in && a.tokens_out == b.tokens_out);
    require(a.nanousd == b.nanousd && a.reason == b.reason && a.certainty == b.certainty);
    require(a.price_version == b.price_version && a.model == b.model);
    require((a.account == nullptr) == (b.account == nullptr));
    if (a.account) require(a.account->id == b.account->id && a.account->limit == b.account->limit);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view payload(reinterpret_cast<const char*>(data), size);
    while (true) {
        const std::size_t before = payload.size();
        const auto entry = take_entry(payload);
        if (!entry) {
            require(payload.size() == before);
            return 0;
        }
        require(payload.size() < before);
        std::string packed;
        append_entry(packed, *entry);
        std::string_view rest = packed;
        const auto again = take_entry(rest);
        require(again.has_value() && rest.empty());
        require_same(*entry, *again);
        std::string repacked;
        append_entry(repacked, *again);
        require(repacked == packed);
    }
}
