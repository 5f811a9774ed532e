#pragma once
// The one way to touch a balance: a move-only hold on an upper bound, made by Ledger::reserve()
// alone and owned by the generation. It comes home by settle(); dropped, it settles what was
// counted into it so far.

#include "base/error.h"
#include "net/task.h"
#include "quota/entry.h"

namespace weir::net {
class Loop;
}

namespace weir::quota {

class Ledger;

// The most that a request may cost. Output is for all choices together.
struct Bound {
    std::int64_t input_tokens = 0;
    std::int64_t output_tokens = 0;
    std::int64_t input_nanousd = 0;
    std::int64_t output_nanousd = 0;
    std::int64_t choices = 1; // for saying which max_tokens would fit
    // Whether every target that may answer has a price; a budget in dollars covers nothing else.
    enum class Price : std::uint8_t { known, unknown } price = Price::known;
    std::int64_t price_version = 0;  // of the price that the bound was taken at
    std::string request_digest = {}; // of a request with an Idempotency-Key, else empty
};

// What a request has cost.
struct Cost {
    std::int64_t tokens_in = 0;
    std::int64_t tokens_out = 0;
    std::int64_t nanousd = 0;
};

class Reservation {
public:
    Reservation(Reservation&& other) noexcept;
    Reservation& operator=(Reservation&&) = delete;
    ~Reservation();

    // Holds more of what the output may cost, in the windows it was admitted in, all or none.
    // Errors: quota_exceeded, and the hold is what it was; ledger_unavailable.
    Result<void> extend(std::int64_t output_tokens, std::int64_t nanousd);

    // Returns once the hold and its extensions so far are on disk. Nothing may be sent to a
    // provider before, and nothing that an extension pays for passed on.
    // Errors: ledger_unavailable; the hold is then void.
    net::Task<Result<void>> durable(net::Loop& loop);

    // From here on a dropped reservation costs the request and its input: a provider was asked.
    void mark_sent(const Cost& input);
    // Another attempt begins: what a dead one produced is not charged.
    void restart() { counted_ = {}; }
    // Its owner is alive: the hold does not expire. Nothing where it has ended.
    void renew();
    // What was produced by now, replacing what was counted before. Never shrinks what is owed.
    void count(const Cost& so_far, Certainty certainty);

    struct End {
        Reason reason = Reason::complete;
        // Amounts that a provider reported, or that were counted here.
        Cost cost;
        Certainty certainty = Certainty::reported;
        std::int64_t price_version = 0; // of the price that the cost was made with
    };
    // Ends the hold: visible to every reader of the balance when it returns. Usage above the hold
    // becomes an OVERAGE entry. Returns the entry's number, for Ledger::when_durable().
    std::int64_t settle(const End& end) &&;
    // Ends the hold without a charge: nothing was produced.
    void release() &&;

    const Cost& counted() const { return counted_; }
    Certainty certainty() const { return certainty_; }
    bool sent() const { return sent_; }

private:
    friend class Ledger;
    Reservation(Ledger& ledger, const Uuid& hold, std::int64_t lsn)
        : ledger_(&ledger), hold_(hold), lsn_(lsn) {}

    Ledger* ledger_; // null once ended or moved from
    Uuid hold_;
    std::int64_t lsn_;
    Cost counted_;
    Certainty certainty_ = Certainty::estimated;
    bool sent_ = false;
};

} // namespace weir::quota
