#pragma once
// Which of a route's targets to ask, and in which order: by what they can do, by tier, and within a
// tier by weight, unless the one whose turn it is is hot (the power of two choices over requests in
// flight and the time to the first event: Mitzenmacher 2001; Prequal, NSDI 2024). A long prompt
// stays where its beginning was read before, for the provider's own cache. A target whose breaker
// is open is left out; where all are, the one that opens first is asked all the same.
// Thread: any.

#include "base/clock.h"
#include "base/guarded.h"
#include "chat/chat_request.h"
#include "upstream/breaker.h"
#include "upstream/routes.h"

#include <atomic>
#include <map>
#include <string>
#include <vector>

namespace weir::upstream {

class Targets {
public:
    explicit Targets(const Clock& clock) : clock_(clock) {}

    // Errors: invalid_value, at the field, where no target can do what is asked.
    Result<std::vector<const Candidate*>> order(const Route& route,
                                                const chat::ChatRequest& request);
    // The same for all requests that begin alike; nullopt for short ones.
    static std::optional<std::uint64_t> stickiness(const chat::ChatRequest& request);

    // Whether this organisation may be asked for the model.
    bool admits(const Candidate& candidate, std::string_view group);

    // A request to a target, with a key of that group. What it came to is said before it ends.
    class Use {
    public:
        Use(Targets& targets, const Candidate& candidate, std::string_view group);
        ~Use();
        Use(const Use&) = delete;
        Use& operator=(const Use&) = delete;
        void succeeded(); // its first event is there
        void failed();    // the provider is in trouble

    private:
        Targets& targets_;
        std::string target_;
        std::string group_;
        SteadyTime begun_;
        bool judged_ = false;
    };

    struct View {
        Breaker::State breaker = Breaker::State::closed;
        std::optional<std::chrono::milliseconds> opens_in;
        std::int64_t in_flight = 0;
        std::chrono::milliseconds first_event{}; // about, of late; zero: not known
    };
    View view(const Candidate& candidate);

private:
    struct Health {
        Breaker breaker;
        std::int64_t in_flight = 0;
        double first_event_ms = 0;
        std::int64_t samples = 0;
        SteadyTime sampled{};
    };
    using Table = std::map<std::string, Health, std::less<>>;
    // By how much it is slower than it could be, and how much is on it.
    struct Load {
        double in_flight = 0; // for its weight
        double first_event_ms = 0;
    };
    static Load load_of(const Table& table, const Candidate& candidate, SteadyTime now);
    Health& health(Table& table, const std::string& id);
    double chance();
    static std::size_t pick(const std::vector<const Candidate*>& tier, std::uint64_t turn);
    static std::size_t pick_sticky(const std::vector<const Candidate*>& tier, std::uint64_t hash);

    const Clock& clock_;
    std::atomic<std::uint64_t> turn_ = 0;
    std::atomic<std::uint64_t> chances_ = 0;
    Guarded<Table> table_; // by provider and model, and by provider, group and model
};

std::string_view name(Breaker::State state);

} // namespace weir::upstream
