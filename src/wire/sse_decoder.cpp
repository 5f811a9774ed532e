#include "wire/sse_decoder.h"

namespace weir::wire {

bool SseDecoder::next(std::string_view& bytes, SseEvent& event) {
    if (dispatched_) {
        data_.clear();
        lone_ = {};
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
        const bool lone = has_data_ && data_.empty();
        const std::size_t held = lone ? lone_.size() + 1 : data_.size();
        if (line_.size() + part.size() + held > event_bytes_max_) {
            overflowed_ = true;
            return false;
        }
        if (end == std::string_view::npos) {
            line_ += part;
            break;
        }
        after_cr_ = bytes[end] == '\r';
        bytes.remove_prefix(end + 1);
        const bool empty_line = line_.empty() && part.empty();
        if (!empty_line) {
            if (line_.empty()) take_field(part, Lies::in_input);
            else take_field(line_ += part, Lies::in_line);
            line_.clear();
            continue;
        }
        if (!has_data_) {
            name_.clear();
            continue;
        }
        dispatched_ = true;
        if (!data_.empty()) data_.pop_back(); // the LF after the last data line
        event = {name_, data_.empty() ? lone_ : std::string_view(data_), id_};
        return true;
    }
    if (!overflowed_) bytes = {};
    keep_lone();
    return false;
}

// The caller's bytes go, or another line joins it.
void SseDecoder::keep_lone() {
    if (!has_data_ || !data_.empty()) return;
    data_ = lone_;
    data_.push_back('\n');
    lone_ = {};
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

void SseDecoder::take_field(std::string_view line, Lies where) {
    const std::size_t colon = line.find(':');
    if (colon == 0) return; // a comment
    const std::string_view field = line.substr(0, colon);
    std::string_view value =
        colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (field == "data") {
        if (!has_data_ && where == Lies::in_input) {
            has_data_ = true;
            lone_ = value;
            return;
        }
        keep_lone();
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
