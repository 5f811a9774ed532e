#include "filter/plain_text.h"

#include <algorithm>
#include <unicode/bytestream.h>
#include <unicode/edits.h>
#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

namespace weir::filter {
namespace {

bool is_unseen(UChar32 c) {
    return c == 0x00ad || u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT) != 0;
}

// So many marks may follow one letter (UAX #15, Stream-Safe Text Format); more are no language,
// and putting a run of them in order costs its square.
constexpr int marks_most = 30;

// The bytes that somebody sees, and where each stood; empty where that is all of them.
struct Seen {
    bool all = true;
    std::string text;
    std::vector<std::uint32_t> places;
};

Seen seen_of(std::string_view text) {
    Seen out;
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(text.data());
    const auto size = static_cast<std::int32_t>(text.size());
    const auto keep = [&](std::int32_t begin, std::int32_t end) {
        out.text.append(text, static_cast<std::size_t>(begin),
                        static_cast<std::size_t>(end - begin));
        for (std::int32_t at = begin; at < end; ++at)
            out.places.push_back(static_cast<std::uint32_t>(at));
    };
    std::int32_t kept = 0;
    int marks = 0;
    for (std::int32_t at = 0; at < size;) {
        const std::int32_t here = at;
        UChar32 c = 0;
        U8_NEXT_OR_FFFD(bytes, at, size, c);
        marks = c >= 0x300 && u_getCombiningClass(c) != 0 ? marks + 1 : 0;
        if (marks <= marks_most && (c < 0x80 || !is_unseen(c))) continue;
        keep(kept, here);
        kept = at;
    }
    if (kept == 0) return out;
    out.all = false;
    keep(kept, size);
    return out;
}

} // namespace

std::optional<PlainText> plain_text(std::string_view text) {
    if (std::ranges::all_of(text, [](char c) { return static_cast<signed char>(c) >= 0; }))
        return std::nullopt;
    UErrorCode failed = U_ZERO_ERROR;
    const icu::Normalizer2* const form = icu::Normalizer2::getNFKCInstance(failed);
    const Seen seen = seen_of(text);
    const std::string_view source = seen.all ? text : std::string_view(seen.text);
    PlainText out;
    icu::StringByteSink<std::string> sink(&out.text, static_cast<std::int32_t>(source.size()));
    icu::Edits edits;
    const icu::StringPiece piece(source.data(), static_cast<std::int32_t>(source.size()));
    if (U_SUCCESS(failed)) form->normalizeUTF8(0, piece, sink, &edits, failed);
    if (U_FAILURE(failed) || (seen.all && edits.hasChanges() == 0)) return std::nullopt;
    const auto place = [&](std::int32_t at) {
        return seen.all ? static_cast<std::uint32_t>(at)
                        : seen.places[static_cast<std::size_t>(at)];
    };
    out.begins.reserve(out.text.size());
    out.ends.reserve(out.text.size());
    for (icu::Edits::Iterator edit = edits.getFineIterator(); edit.next(failed) != 0;) {
        const std::int32_t from = edit.sourceIndex();
        if (edit.hasChange() != 0) {
            if (edit.oldLength() == 0) continue;
            const auto bytes = static_cast<std::size_t>(edit.newLength());
            out.begins.insert(out.begins.end(), bytes, place(from));
            out.ends.insert(out.ends.end(), bytes, place(from + edit.oldLength() - 1) + 1);
            continue;
        }
        for (std::int32_t at = from; at < from + edit.oldLength(); ++at) {
            out.begins.push_back(place(at));
            out.ends.push_back(place(at) + 1);
        }
    }
    if (out.begins.size() != out.text.size()) return std::nullopt;
    return out;
}

} // namespace weir::filter
