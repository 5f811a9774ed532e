#include "wire/sse_decoder.h"

namespace weir::wire {

bool SseDecoder::next(std::string_view& bytes, SseEvent& event) {
    if (dispatched_) {
        data_.clear();
        name_.clear();
        has_data_ = dispatched_ = false;
    }
    if (!drop_byte_order_mark(bytes)) return false;
    while (!bytes.empty() && !overflowed_) {
        if (after_cr_) {
            after_cr_ = false;
            if (bytes.front() == '\n') {
                bytes.remove_prefix(1);
                continue;
            }
        }
        const std::size_t end = bytes.find_first_of("\r\n");
        const std::string_view part = bytes.substr(0, end);
        if (line_.size() + part.size() + data_.size() > event_bytes_max_) {
            overflowed_ = true;
            return false;
        }
        if (end == std::string_view::npos) {
            line_ += part;
            bytes = {};
            return false;
        }
        after_cr_ = bytes[end] == '\r';
        bytes.remove_prefix(end + 1);
        const bool empty_line = line_.empty() && part.empty();
        if (!empty_line) {
            if (line_.empty()) take_field(part);
            else take_field(line_ += part);
            line_.clear();
            continue;
        }
        if (!has_data_) {
            name_.clear();
            continue;
        }
        data_.pop_back(); // the LF after the last data line
        dispatched_ = true;
        event = {name_, data_, id_};
        return true;
    }
    return false;
}

bool SseDecoder::drop_byte_order_mark(std::string_view& bytes) {
    static constexpr std::string_view mark = "\xef\xbb\xbf";
    while (mark_seen_ < mark.size() && !bytes.empty()) {
        if (bytes.front() != mark[mark_seen_]) {
            // Not a mark after all: what looked like one is ordinary text.
            line_.assign(mark.substr(0, mark_seen_));
            mark_seen_ = mark.size();
            return true;
        }
        ++mark_seen_;
        bytes.remove_prefix(1);
    }
    return mark_seen_ == mark.size();
}

void SseDecoder::take_field(std::string_view line) {
    const std::size_t colon = line.find(':');
    if (colon == 0) return; // a comment
    const std::string_view field = line.substr(0, colon);
    std::string_view value =
        colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (field == "data") {
        data_ += value;
        data_.push_back('\n');
        has_data_ = true;
    } else if (field == "event") {
        name_.assign(value);
    } else if (field == "id" && value.find('\0') == std::string_view::npos) {
        id_.assign(value);
    }
}

} // namespace weir::wire
