#include "dialects/openai/repeated_chunk.h"

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
    return chat::TextDelta{choice_, std::string(text), extensions_};
}

void RepeatedChunk::keep(std::string_view data, std::size_t at, const chat::TextDelta& event) {
    at_ = 0;
    if (data.size() - event.text.size() > mould_bytes_max || !is_plain(event.text)) return;
    if (data.substr(at, event.text.size()) != event.text) return; // with escapes
    at_ = at;
    mould_.clear();
    mould_.reserve(data.size() - event.text.size());
    mould_.append(data.substr(0, at_)).append(data.substr(at_ + event.text.size()));
    choice_ = event.choice;
    extensions_ = event.extensions;
}

} // namespace weir::dialects
