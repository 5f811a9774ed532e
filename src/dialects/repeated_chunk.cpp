#include "dialects/repeated_chunk.h"

#include "base/text.h"

#include <algorithm>

namespace weir::dialects {
namespace {

constexpr std::size_t mould_bytes_max = 2048; // kept as long as its stream: real ones are far below

// Characters that stand in a JSON string as they are (RFC 8259, section 7).
bool is_plain(std::string_view text) {
    const bool plain = std::ranges::none_of(
        text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; });
    return plain && is_utf8(text);
}

} // namespace

std::optional<chat::TextDelta> RepeatedChunk::read(std::string_view data) const {
    if (at_ == 0 || data.size() <= mould_.size()) return std::nullopt;
    const std::string_view mould = mould_;
    if (!data.starts_with(mould.substr(0, at_)) || !data.ends_with(mould.substr(at_)))
        return std::nullopt;
    const std::string_view text = data.substr(at_, data.size() - mould.size());
    if (!is_plain(text)) return std::nullopt;
    chat::TextDelta event = event_;
    event.text = text;
    return event;
}

void RepeatedChunk::keep(std::string_view data, const chat::TextDelta& event) {
    at_ = 0;
    if (data.size() - event.text.size() > mould_bytes_max || !is_plain(event.text)) return;
    // The text stands somewhere as a string. Where those bytes stand once, that is the place.
    std::string quoted;
    quoted.reserve(event.text.size() + 2);
    quoted.append("\"").append(event.text).append("\"");
    const std::size_t found = data.find(quoted);
    if (found == std::string_view::npos || data.find(quoted, found + 1) != std::string_view::npos)
        return;
    at_ = found + 1;
    mould_.assign(data.substr(0, at_)).append(data.substr(at_ + event.text.size()));
    event_.choice = event.choice;
    event_.extensions = event.extensions;
}

} // namespace weir::dialects
