#pragma once
// Who answers? Tries the route's targets and keys until one gives its first meaningful event; from
// then on the answer belongs to that one. Shared by all threads; each brings its own HTTP client.

#include "base/guarded.h"
#include "filter/checked.h"
#include "net/http/http_client.h"
#include "quota/reservation.h"
#include "quota/token_meter.h"
#include "upstream/answer.h"
#include "upstream/headroom.h"
#include "upstream/keys/key_pool.h"
#include "upstream/provider_attempt.h"
#include "upstream/retry_budget.h"
#include "upstream/routes.h"
#include "upstream/targets.h"

#include <memory>

namespace weir::upstream {

class Upstream {
public:
    Upstream(std::shared_ptr<const Routes> routes, const Clock& clock)
        : keys_(clock),
          targets_(clock),
          headroom_(clock),
          budget_(clock),
          clock_(clock),
          routes_(std::move(routes)) {}

    std::shared_ptr<const Routes> routes() const { return *routes_.lock(); }
    void set_routes(std::shared_ptr<const Routes> routes) { *routes_.lock() = std::move(routes); }
    KeyPool& keys() { return keys_; }
    Targets& targets() { return targets_; }

    struct Caller {
        net::Loop& loop;
        net::HttpClient& client;
        net::Interrupt& interrupt;
        quota::TokenMeter& meter;
    };
    // For a client that does not stream the answer returns whole and metered, so that until then
    // another target may be tried; else with its first meaningful event.
    // Errors: upstream_rejected (the provider's own refusal), upstream_credentials_exhausted,
    // upstream_unavailable, upstream_timeout, upstream_error, ledger_unavailable, client_left;
    // quota_exceeded where a whole call needs more than is left; invalid_value where no target can
    // do what is asked.
    WEIR_OWN_FRAME net::Task<Result<std::unique_ptr<Answer>>>
    open(Caller caller, quota::Reservation& reservation, Allowance& allowance,
         const filter::Checked& checked, const Route& route, chat::Delivery delivery);

private:
    using Opened = std::expected<std::unique_ptr<Answer>, AttemptFailure>;
    net::Task<Opened> attempt(const AttemptInput& input);
    static net::Task<Opened> whole_of(std::unique_ptr<Answer> answer, const AttemptInput& input,
                                      quota::TokenMeter& meter);
    void judge(const AttemptInput& input, const AttemptFailure& failure, Targets::Use& use);

    KeyPool keys_;
    Targets targets_;
    Headroom headroom_;
    RetryBudget budget_;
    const Clock& clock_;
    mutable Guarded<std::shared_ptr<const Routes>> routes_;
};

} // namespace weir::upstream
