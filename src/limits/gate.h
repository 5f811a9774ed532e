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
#include <utility>

namespace weir::limits {

class Gate;

// The tokens that a request was taken to cost. What it did cost is said at its end; without, it
// cost none.
class TokenCharge {
public:
    TokenCharge(Gate& gate, KeyId key, std::int64_t tokens)
        : gate_(&gate), key_(key), tokens_(tokens) {}
    TokenCharge(TokenCharge&& other) noexcept
        : gate_(std::exchange(other.gate_, nullptr)), key_(other.key_), tokens_(other.tokens_) {}
    TokenCharge& operator=(TokenCharge&&) = delete;
    ~TokenCharge() { settle(0); }
    void settle(std::int64_t tokens);

private:
    Gate* gate_; // null: it is settled
    KeyId key_;
    std::int64_t tokens_;
};

// What an admitted request holds, and what its answer's headers say.
struct Admission {
    std::optional<Concurrency::Slot> slot;   // none where concurrency is off
    std::optional<TokenCharge> token_charge; // none where tokens are not counted
    struct Shown {
        std::int64_t limit = 0;
        Verdict::Left left;
    };
    std::optional<Shown> requests; // none where no rate applies to the key
    std::optional<Shown> tokens;
    std::optional<Error> refusal; // rate_limit_exceeded, naming the rule; then nothing is held
};

class Gate {
public:
    Gate(const config::Limits& rules, const Clock& clock, Random& random);

    // Errors: rate_limit_exceeded, naming the rule. Loopback peers are not counted.
    Result<void> admit_address(const Address& address);
    // A refusal comes with the numbers for its headers. `tokens`: what it is likely to read.
    Admission admit(const Caller& caller, std::int64_t tokens = 0);

    // Whoever shows keys that are none is soon not listened to any more, from that address.
    // Errors: rate_limit_exceeded. Loopback peers are not counted.
    Result<void> may_show_a_key(const Address& address);
    void note_bad_key(const Address& address);

    void set_rules(const config::Limits& rules);

private:
    friend class TokenCharge;
    void correct_tokens(KeyId key, std::int64_t tokens);
    Error refusal(std::string_view rule, const config::Rate& rate, std::string_view subject,
                  std::chrono::nanoseconds wait) const;

    const Clock& clock_;
    RateTable rates_;
    Concurrency concurrency_;
    Guarded<std::shared_ptr<const config::Limits>> rules_;
    HashKey jitter_key_;
};

} // namespace weir::limits
