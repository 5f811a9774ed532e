#pragma once
// One request inside the process: the station between the ledger and a provider, written down as
// gateway/generation and upstream/ have it, with the real reservation and the real allowance.
// Beside each thing that it does to the ledger stands the same for the model. Destroyed with the
// process. A Record is what the world outside remembers of it.

#include "model.h"
#include "net/loop.h"
#include "net/signal.h"
#include "provider.h"
#include "quota/ledger.h"
#include "report.h"
#include "upstream/allowance.h"
#include "witness.h"

#include <memory>

namespace weir::simulation {

// Picodollars a token.
inline constexpr config::Price price{3'000'000, 15'000'000, 3'000'000, 15'000'000};

// How an answer is metered: each piece as it comes, or all that it may be at once.
enum class Delivery : std::uint8_t { streamed, whole };

struct Record {
    std::size_t number = 0;
    quota::Payer payer;
    Provider provider;
    std::int64_t input = 0; // tokens, as Weir counts them
    Delivery delivery = Delivery::streamed;
    bool dead = false;               // every attempt failed, so nobody is charged
    std::optional<quota::Cost> told; // the usage in the last frame that the client got
};

// What a call touches. Lifetime: longer than the call.
struct Surroundings {
    quota::Ledger& ledger;
    net::Loop& loop;
    Model& model;
    const Witness& witness;
    Report& report;
};

class Call {
public:
    Call(Surroundings around, Record& record, quota::Reservation reservation,
         const upstream::Allowance::Terms& terms);

    // Requires: the call stays where it is until has_ended(), or until the loop's coroutines are
    // dropped.
    net::Task<void> run();

    Record& record() { return record_; }
    bool has_ended() const { return ended_; }
    bool waits_for_disk() const { return waits_; }
    // Something arrived, or the connection died.
    void wake() { inbox_.notify(); }
    void leave(); // the client
    void shut();  // the server stops
    // The coroutine is gone and the process is not: the reservation comes home by itself.
    void drop();

private:
    enum class Found : std::uint8_t { answer, nothing, failure };
    net::Task<Found> attempt();
    net::Task<void> wait(Provider::Arrived needed);
    enum class Next : std::uint8_t { more, cut, failed };
    net::Task<Next> take(Chunk chunk);
    net::Task<Next> pass(const chat::ChatEvent& event);
    net::Task<void> pump();
    net::Task<void> settle();
    void give_up();
    bool extend_model(std::int64_t tokens);
    void expect_slab(const chat::ChatEvent& event);
    std::int64_t spent(std::int64_t bytes) const;
    quota::Cost used() const;
    void count();
    bool is_stopped() const { return left_ || shut_; }

    Surroundings around_;
    Record& record_;
    std::optional<quota::Reservation> reservation_;
    upstream::Allowance allowance_;
    upstream::Allowance::Terms terms_;
    Delivery delivery_;
    net::Signal inbox_;

    // The slab rule, said again.
    std::int64_t granted_;
    std::int64_t most_;
    std::int64_t bytes_ = 0;
    std::int64_t told_ = 0; // by the provider, of its output
    std::optional<chat::Usage> reported_;
    quota::Cost counted_; // what a drop has to cost
    std::int64_t passed_ = 0;

    bool waits_ = false; // for the disk
    bool sent_ = false;
    bool finished_ = false;
    bool whole_ = false;
    bool left_ = false;
    bool shut_ = false;
    bool ended_ = false;
};

} // namespace weir::simulation
