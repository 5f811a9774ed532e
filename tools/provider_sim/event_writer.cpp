#include "event_writer.h"

namespace sim {

EventWriter::EventWriter(const Script& script)
    : script_(script),
      line_end_(script.crlf ? "\r\n"
                : script.cr ? "\r"
                            : "\n") {}

void EventWriter::begin(std::string& sse) const {
    if (script_.bom) sse += "\xEF\xBB\xBF";
}

void EventWriter::data(std::string& sse, std::string_view text) const {
    if (script_.comments) {
        sse += ": keep-alive";
        sse += line_end_;
    }
    sse += "data: ";
    // Between a comma and the next name white space is free, so the event stays the same JSON.
    const std::size_t comma = script_.multiline ? text.find(",\"") : std::string_view::npos;
    if (comma != std::string_view::npos) {
        sse += text.substr(0, comma + 1);
        sse += line_end_;
        sse += "data: ";
        text.remove_prefix(comma + 1);
    }
    sse += text;
    sse += line_end_;
    sse += line_end_;
}

void EventWriter::noise(std::string& sse) const {
    if (!script_.noise) return;
    for (const std::string_view line : {"event: ping", "data: {\"type\":\"ping\"}", "", "data:", "",
                                        "data: hello", "", "unknown: field", "", ": comment", ""}) {
        sse += line;
        sse += line_end_;
    }
}

} // namespace sim
