#pragma once
// What providers say is left of their rates, of each organisation and model there. Who has no room
// is not asked until it has: a provider's bucket is taken to fill up evenly, as OpenAI and
// Anthropic describe theirs, and what is asked meanwhile is taken out of it.
// Thread: any.

#include "base/clock.h"
#include "base/guarded.h"
#include "dialects/provider_limits.h"
#include "upstream/routes.h"

#include <map>
#include <optional>
#include <string>

namespace weir::upstream {

class Headroom {
public:
    explicit Headroom(const Clock& clock) : clock_(clock) {}

    // Takes one request of so many tokens of input; where there is no room for it, says when there
    // is. Nobody is kept waiting for longer than a minute by what was said once.
    std::optional<std::chrono::milliseconds> take(const Candidate& candidate,
                                                  std::string_view group, std::int64_t tokens);
    void note(const Candidate& candidate, std::string_view group,
              const dialects::ProviderLimits& said);

private:
    struct Bucket {
        std::int64_t limit = 0; // 0: nothing is known
        double left = 0;
        SteadyTime at{};
        double a_ms = 0; // how fast it fills up
        double now(SteadyTime now) const;
        // Until it holds so much.
        std::chrono::milliseconds wait(double need, SteadyTime now) const;
    };
    struct Room {
        Bucket requests;
        Bucket tokens;
        SteadyTime said{};
    };
    static Bucket bucket_of(const std::optional<dialects::Remaining>& said, SteadyTime now);

    const Clock& clock_;
    Guarded<std::map<std::string, Room, std::less<>>> rooms_; // by provider, group and model
};

} // namespace weir::upstream
