#include "text_check.h"

#include <algorithm>
#include <utility>

namespace load {

TextCheck::TextCheck(const sim::Script& script, std::string_view prompt)
    : script_(script), prompt_(prompt), chunks_(script.echo ? 1 : script.chunks) {}

void TextCheck::next_chunk() {
    expected_.clear();
    at_ = 0;
    if (script_.echo) {
        expected_ = prompt_;
    } else {
        sim::append_chunk(expected_, script_.shape(), chunk_, 0);
    }
    if (script_.stamp && !script_.echo) {
        stamp_begin_ = expected_.find(':') + 1;
        stamp_end_ = stamp_begin_ + sim::stamp_digits;
    }
    ++chunk_;
}

bool TextCheck::read_stamp(char digit) {
    if (digit < '0' || digit > '9') return false;
    reading_ = reading_ * 10 + static_cast<std::uint64_t>(digit - '0');
    if (++at_ == stamp_end_) stamp_ = std::exchange(reading_, 0);
    return true;
}

bool TextCheck::feed(std::string_view text) {
    while (!text.empty()) {
        if (at_ == expected_.size()) {
            if (chunk_ == chunks_) return false;
            next_chunk();
            continue;
        }
        if (at_ >= stamp_begin_ && at_ < stamp_end_) {
            if (!read_stamp(text.front())) return false;
            text.remove_prefix(1);
            continue;
        }
        std::size_t end = expected_.size();
        if (at_ < stamp_begin_) end = stamp_begin_;
        const std::size_t count = std::min(end - at_, text.size());
        if (std::string_view(expected_).substr(at_, count) != text.substr(0, count)) return false;
        at_ += count;
        text.remove_prefix(count);
    }
    return true;
}

std::uint64_t TextCheck::take_stamp() { return std::exchange(stamp_, 0); }

} // namespace load
