#pragma once
// May this request come in now? Rates by address before anybody is identified, rates and
// concurrency by key, user and team after. Thread: any; the rules may be exchanged while it runs.

#include "base/address.h"
#include "base/caller.h"
#include "base/error.h"
#include "config/config.h"
#include "limits/concurrency.h"
#include "limits/rate_table.h"

#include <memory>
#include <optional>

namespace weir::limits {

// What an admitted request holds, and what its answer's headers say.
struct Admission {
    std::optional<Concurrency::Slot> slot; // none where concurrency is off
    std::optional<std::int64_t> limit;     // none where no rate applies to the key
    std::int64_t remaining = 0;
    std::chrono::nanoseconds reset{};
    std::optional<Error> refusal; // rate_limit_exceeded, naming the rule; then nothing is held
};

class Gate {
public:
    Gate(const config::Limits& rules, const Clock& clock, Random& random);

    // Errors: rate_limit_exceeded, naming the rule. Loopback peers are not counted.
    Result<void> admit_address(const Address& address);
    // A refusal comes with the numbers for its headers.
    Admission admit(const Caller& caller);

    void set_rules(const config::Limits& rules);

private:
    Error refusal(std::string_view rule, const config::Rate& rate, std::string_view subject,
                  std::chrono::nanoseconds wait) const;

    const Clock& clock_;
    RateTable rates_;
    Concurrency concurrency_;
    Guarded<std::shared_ptr<const config::Limits>> rules_;
    HashKey jitter_key_;
};

} // namespace weir::limits
