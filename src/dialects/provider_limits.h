#pragma once
// How much a provider says is left of its rates, in the headers of an answer: x-ratelimit-* as
// OpenAI writes them (others do the same) and anthropic-ratelimit-*.

#include "base/clock.h"
#include "wire/fields.h"

#include <chrono>
#include <cstdint>
#include <optional>

namespace weir::dialects {

// A bucket that fills up evenly: full again after `full_in`.
struct Remaining {
    std::int64_t limit = 0; // over 0
    std::int64_t left = 0;  // 0 to limit
    std::chrono::milliseconds full_in{};
};

struct ProviderLimits {
    std::optional<Remaining> requests;
    std::optional<Remaining> tokens; // of input, where the provider counts it apart
    bool none() const { return !requests && !tokens; }
};

// What is missing in part, or makes no sense, is as if it was not there. `now` is for moments.
ProviderLimits read_provider_limits(const wire::Fields& fields, WallTime now);

} // namespace weir::dialects
