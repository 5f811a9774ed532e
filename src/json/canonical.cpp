#include "json/canonical.h"

#include "json/writer.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace weir::json {

// Depth is bounded by the parser's.
void append_canonical(std::string& out, const Value& value) {
    if (value.is(Kind::string)) return append_quoted(out, value.text());
    if (value.is(Kind::array)) {
        out += '[';
        bool first = true;
        for (const Value element : value) {
            if (!std::exchange(first, false)) out += ',';
            append_canonical(out, element);
        }
        out += ']';
        return;
    }
    if (!value.is(Kind::object)) {
        out += value.raw();
        return;
    }
    std::vector<Value> members;
    for (const Value member : value) members.push_back(member);
    std::ranges::sort(members, {}, [](const Value& member) { return member.key(); });
    out += '{';
    bool first = true;
    for (const Value& member : members) {
        if (!std::exchange(first, false)) out += ',';
        append_quoted(out, member.key());
        out += ':';
        append_canonical(out, member);
    }
    out += '}';
}

} // namespace weir::json
