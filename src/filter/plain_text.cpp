#include "filter/plain_text.h"

#include <algorithm>
#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

namespace weir::filter {
namespace {

bool is_unseen(UChar32 c) {
    return c == 0x00ad || u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT) != 0;
}

// Whether it is its own plain form: most texts that are not ASCII are.
bool is_plain(std::string_view text, const icu::Normalizer2& form) {
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(text.data());
    const auto size = static_cast<std::int32_t>(text.size());
    for (std::int32_t at = 0; at < size;) {
        UChar32 c = 0;
        U8_NEXT_OR_FFFD(bytes, at, size, c);
        if (c >= 0x80 && is_unseen(c)) return false;
    }
    UErrorCode failed = U_ZERO_ERROR;
    const bool normal = form.isNormalizedUTF8(icu::StringPiece(text.data(), size), failed) != 0;
    return U_SUCCESS(failed) && normal;
}

void append(PlainText& out, const icu::UnicodeString& piece, std::uint32_t begin,
            std::uint32_t end) {
    const std::size_t before = out.text.size();
    piece.toUTF8String(out.text);
    out.begins.insert(out.begins.end(), out.text.size() - before, begin);
    out.ends.insert(out.ends.end(), out.text.size() - before, end);
}

} // namespace

std::optional<PlainText> plain_text(std::string_view text) {
    if (std::ranges::all_of(text, [](char c) { return static_cast<signed char>(c) >= 0; }))
        return std::nullopt;
    UErrorCode failed = U_ZERO_ERROR;
    const icu::Normalizer2* const form = icu::Normalizer2::getNFKCInstance(failed);
    if (U_FAILURE(failed)) return std::nullopt;
    if (is_plain(text, *form)) return std::nullopt;
    PlainText out;
    out.text.reserve(text.size());
    out.begins.reserve(text.size() + 1);
    out.ends.reserve(text.size() + 1);
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(text.data());
    const auto size = static_cast<std::int32_t>(text.size());
    // Piece by piece: what stands between two boundaries is normalised by itself.
    icu::UnicodeString piece;
    std::int32_t begin = 0;
    const auto finish = [&](std::int32_t end) {
        if (piece.isEmpty()) return;
        UErrorCode wrong = U_ZERO_ERROR;
        icu::UnicodeString plain = form->normalize(piece, wrong);
        if (U_FAILURE(wrong)) plain = piece;
        append(out, plain, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end));
        piece.remove();
    };
    for (std::int32_t at = 0; at < size;) {
        const std::int32_t here = at;
        UChar32 c = 0;
        U8_NEXT_OR_FFFD(bytes, at, size, c);
        if (is_unseen(c)) continue;
        if (form->hasBoundaryBefore(c) != 0) {
            finish(here);
            begin = here;
        }
        piece.append(c);
    }
    finish(size);
    out.begins.push_back(static_cast<std::uint32_t>(text.size()));
    out.ends.push_back(static_cast<std::uint32_t>(text.size()));
    if (out.text == text) return std::nullopt;
    return out;
}

} // namespace weir::filter
