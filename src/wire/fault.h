#pragma once
// Why a peer's bytes were refused: the status to answer with (RFC 9110, section 15) and a sentence
// for the body and the log. For responses from upstream the status is meaningless and zero.

#include <expected>

namespace weir::wire {

struct Fault {
    int status;
    const char* reason; // static text
};

template <class T>
using Parsed = std::expected<T, Fault>;

inline std::unexpected<Fault> malformed(const char* reason) {
    return std::unexpected(Fault{400, reason});
}

} // namespace weir::wire
