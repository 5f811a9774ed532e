#include "wire/sse_encoder.h"

namespace weir::wire {

void append_event(std::string& out, std::string_view name, std::string_view data) {
    if (!name.empty()) {
        out += "event: ";
        out += name;
        out.push_back('\n');
    }
    while (true) {
        const std::size_t end = data.find_first_of("\r\n");
        out += "data: ";
        out += data.substr(0, end);
        out.push_back('\n');
        if (end == std::string_view::npos) break;
        const std::size_t step =
            data[end] == '\r' && end + 1 < data.size() && data[end + 1] == '\n' ? 2 : 1;
        data.remove_prefix(end + step);
    }
    out.push_back('\n');
}

} // namespace weir::wire
