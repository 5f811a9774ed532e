// Writes server-sent events the way the script wants them: line endings, comments, two data lines,
// noise. Pure.
#pragma once

#include <string>
#include <string_view>

#include "grammar.h"

namespace sim {

class EventWriter {
public:
    explicit EventWriter(const Script& script);

    void begin(std::string& sse) const; // what stands before the first event
    void data(std::string& sse, std::string_view text) const;
    void noise(std::string& sse) const;

private:
    const Script& script_;
    const std::string_view line_end_;
};

} // namespace sim
