#pragma once
// Server-sent events, outgoing. Data with line breaks becomes several data lines, so that nothing
// in it can end the event early.

#include <string>
#include <string_view>

namespace weir::wire {

// "data: …\n\n", with "event: …\n" before it where `name` is not empty.
// Requires: `name` is a word of ours, without line breaks.
void append_event(std::string& out, std::string_view name, std::string_view data);

// A comment with a single newline: it rides in front of the next event. With a second one, a stream
// that also carries ids would give some clients an empty event.
inline constexpr std::string_view heartbeat = ": hb\n";

} // namespace weir::wire
