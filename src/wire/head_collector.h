#pragma once
// Gathers bytes until a head is whole, and refuses early what can never become one: a bare CR or
// LF, a NUL, a start line or head over its limit. Works for requests and responses alike; the bytes
// may come in any pieces.

#include "wire/fault.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace weir::wire {

class HeadCollector {
public:
    struct Step {
        std::size_t used = 0; // bytes of the input that belong to this head
        bool whole = false;
    };
    // Errors: 400; 414 when the start line, 431 when the head grows too long.
    Parsed<Step> feed(std::string_view bytes);

    bool empty() const { return bytes_.empty() && !skipped_empty_line_; }
    // The whole head, empty line included; the collector starts over. Requires: feed() said whole.
    std::string take();

private:
    Parsed<void> check_line(std::string_view line);

    std::string bytes_;
    std::size_t line_start_ = 0; // where the line in progress begins in bytes_
    bool skipped_empty_line_ = false;
};

} // namespace weir::wire
