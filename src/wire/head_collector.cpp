#include "wire/head_collector.h"

#include "base/limits.h"

namespace weir::wire {

Parsed<HeadCollector::Step> HeadCollector::feed(std::string_view bytes) {
    Step step;
    // Mostly all of it is there at once.
    if (const std::size_t end = bytes.find("\r\n\r\n");
        bytes_.empty() && end != std::string_view::npos && end < limits::head_bytes)
        bytes_.reserve(end + 4);
    while (step.used < bytes.size()) {
        const std::string_view rest = bytes.substr(step.used);
        const std::size_t newline = rest.find('\n');
        const std::size_t length = newline == std::string_view::npos ? rest.size() : newline + 1;
        const std::size_t line_so_far = bytes_.size() - line_start_ + length;
        if (line_start_ == 0 && line_so_far > limits::request_line_bytes + 64)
            return std::unexpected(Fault{414, "the request target is too long"});
        if (bytes_.size() + length > limits::head_bytes)
            return std::unexpected(Fault{431, "the header is too large"});
        bytes_.append(rest.substr(0, length));
        step.used += length;
        const std::string_view line = std::string_view(bytes_).substr(line_start_);
        if (newline == std::string_view::npos) {
            // A CR may only be the last byte so far, and only with an LF to come.
            const std::size_t cr = line.find('\r');
            if (cr != std::string_view::npos && cr + 1 != line.size())
                return malformed("a bare CR");
            return step;
        }
        if (auto checked = check_line(line); !checked) return std::unexpected(checked.error());
        if (line.size() == 2) {
            if (line_start_ != 0) {
                step.whole = true;
                return step;
            }
            // RFC 9112, 2.2: one empty line before a request line is forgiven.
            if (skipped_empty_line_) return malformed("empty lines before the request");
            skipped_empty_line_ = true;
            bytes_.clear();
            continue;
        }
        line_start_ = bytes_.size();
    }
    return step;
}

Parsed<void> HeadCollector::check_line(std::string_view line) {
    if (line.size() < 2 || line[line.size() - 2] != '\r') return malformed("a bare LF");
    if (line.find('\r') != line.size() - 2) return malformed("a bare CR");
    if (line.find('\0') != std::string_view::npos) return malformed("a NUL byte");
    return {};
}

std::string HeadCollector::take() {
    std::string out = std::move(bytes_);
    bytes_.clear();
    line_start_ = 0;
    skipped_empty_line_ = false;
    return out;
}

} // namespace weir::wire
