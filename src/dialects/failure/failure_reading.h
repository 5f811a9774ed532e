#pragma once
// What stands in a provider's error body, whatever its shape: JSON of any provider, an event
// stream, a proxy's page or plain text. Only members that are the provider's own words are entered;
// others repeat what the client sent.

#include "dialects/failure/provider_failure.h"

#include <cstdint>
#include <string>

namespace weir::dialects {

struct FailureReading {
    std::string message; // the first one, as it was written
    // Lower case, one after another. Those that the provider passes on are another's: of the
    // provider behind it.
    std::string kinds;
    std::string words;
    std::string passed_on_kinds;
    std::string passed_on_words;
    bool names_a_field = false; // of the request, as what is at fault
    int status = 0;             // said in the body; 0: none
    std::int64_t wait_ms = -1;  // asked for by a field of its own; -1: none
};

FailureReading read_failure(std::string_view body);

// A header's wait first, then the body's field, then its words ("try again in 1m2.5s"), rounded up.
// A date is not read: no provider sends one today.
std::optional<std::chrono::milliseconds> wait_asked_for(const FailureReading& read,
                                                        const RetryHeaders& headers);

} // namespace weir::dialects
