#include "upstream/upstream.h"

#include "base/limits.h"
#include "quota/price.h"
#include "upstream/demo_attempt.h"

#include <algorithm>
#include <fmt/core.h>
#include <iterator>

namespace weir::upstream {
namespace {

using std::chrono::milliseconds;

// How long a key rests when its provider asked for a pause and named no time.
constexpr milliseconds usual_cooling{5'000};

// What the tries of one request came to, for the one answer the client gets.
class Tally {
public:
    void skipped(const KeyPool::Choices& choices) {
        if (choices.lack == KeyPool::Choices::Lack::suspended) ++suspended_;
        if (choices.ready_in)
            ready_in_ = std::min(ready_in_.value_or(*choices.ready_in), *choices.ready_in);
        ++skipped_;
    }
    void failed(const AttemptFailure& failure) {
        ++tried_;
        last_ = failure.error;
        const bool auth = failure.kind == dialects::FailureClass::auth ||
                          failure.kind == dialects::FailureClass::billing;
        if (auth) ++refused_;
        if (failure.kind == dialects::FailureClass::rate) {
            ++cooled_;
            const milliseconds wait = failure.retry_after.value_or(usual_cooling);
            ready_in_ = std::min(ready_in_.value_or(wait), wait);
        }
    }
    Error verdict() && {
        if (tried_ + skipped_ > 0 && refused_ == tried_ && suspended_ == skipped_) {
            Error dead(Errc::upstream_credentials_exhausted);
            return last_ ? std::move(dead).because(std::string(last_->detail())) : dead;
        }
        const bool only_waiting = cooled_ + refused_ == tried_;
        if (only_waiting && ready_in_) {
            Error wait(Errc::upstream_unavailable);
            return std::move(wait)
                .retry_in(*ready_in_)
                .because(last_ ? std::string(last_->detail()) : "cooling");
        }
        return last_ ? *std::move(last_) : Error(Errc::upstream_unavailable);
    }

private:
    int tried_ = 0;
    int skipped_ = 0;   // targets without a key that may be asked
    int suspended_ = 0; // of those, for good
    int refused_ = 0;   // tries that a key did not survive
    int cooled_ = 0;    // tries that were told to wait
    std::optional<milliseconds> ready_in_;
    std::optional<Error> last_;
};

bool is_final(const AttemptFailure& failure) {
    const Errc code = failure.error.code();
    return code == Errc::client_left || code == Errc::ledger_unavailable ||
           code == Errc::quota_exceeded || dialects::is_the_clients(failure.kind);
}

// A whole answer cannot be cut, so it is asked for only where all of it is held, or where the
// target cannot do otherwise.
chat::Delivery asked(const Candidate& candidate, config::Quota::Reserve reserve,
                     chat::Delivery wished) {
    if (candidate.provider->dialect == config::Dialect::demo) return wished;
    if (candidate.target->streaming == config::Target::Streaming::no) return chat::Delivery::whole;
    const bool held = reserve == config::Quota::Reserve::full;
    return held ? wished : chat::Delivery::streamed;
}

// Whether `later` only goes on where `earlier` stopped; then its text is added there. An answer of
// a token a chunk would else be kept at a hundred times its size.
bool joined(chat::ChatEvent& earlier, chat::ChatEvent& later) {
    const auto same = [](const chat::Extensions& a, const chat::Extensions& b) {
        const bool lists = b.chunk(chat::Native::openai).contains('[') ||
                           b.choice(chat::Native::openai).contains('[') || b.output().contains('[');
        return !lists && a == b;
    };
    if (auto* const more = std::get_if<chat::TextDelta>(&later)) {
        auto* const text = std::get_if<chat::TextDelta>(&earlier);
        if (text == nullptr || text->choice != more->choice ||
            !same(text->extensions, more->extensions))
            return false;
        text->text += more->text;
        return true;
    }
    if (auto* const more = std::get_if<chat::ReasoningDelta>(&later)) {
        auto* const thought = std::get_if<chat::ReasoningDelta>(&earlier);
        if (thought == nullptr || thought->choice != more->choice ||
            thought->field != more->field || !same(thought->extensions, more->extensions))
            return false;
        thought->text += more->text;
        return true;
    }
    if (auto* const more = std::get_if<chat::ToolCallDelta>(&later)) {
        auto* const call = std::get_if<chat::ToolCallDelta>(&earlier);
        if (call == nullptr || call->choice != more->choice || call->call != more->call ||
            more->called != nullptr)
            return false;
        call->arguments += more->arguments;
        return true;
    }
    return false;
}

// The answer to its end, as far as it is paid for.
net::Task<Result<std::unique_ptr<Answer>>>
gather(std::unique_ptr<Answer> answer, const AttemptInput& input, quota::TokenMeter& meter) {
    Allowance& allowance = input.allowance;
    std::vector<chat::ChatEvent> all;
    std::size_t bytes = 0;
    if (quota::TokenMeter::is_exact(input.candidate.model))
        allowance.count_exactly_by([&](std::string more) -> net::Task<std::optional<std::int64_t>> {
            chat::OutputText said;
            for (const chat::ChatEvent& event : all) said.add(event);
            co_return co_await meter.count(input.loop, said.text() + more, input.candidate.model);
        });
    while (!allowance.was_cut()) {
        CO_TRY(auto events, co_await answer->next());
        if (events.empty()) break;
        if (!allowance.pass_now(events)) CO_CHECK(co_await allowance.pass(events));
        for (chat::ChatEvent& event : events) {
            if (!all.empty() && joined(all.back(), event)) {
                bytes += chat::output_bytes(event);
                continue;
            }
            bytes += chat::kept_bytes(event);
            all.push_back(std::move(event));
        }
        if (bytes > limits::upstream_body_bytes)
            co_return refuse(
                Error(Errc::upstream_malformed).because("the answer is larger than allowed"));
        // A client that leaves now pays for what there is.
        chat::Usage usage;
        usage.input = Tokens(input.request.input_tokens_estimate());
        usage.output = Tokens(input.allowance.produced());
        const auto& price = answer->origin->price;
        input.reservation.count({usage.input.value(), usage.output.value(),
                                 price ? quota::cost_nanousd(*price, usage) : 0},
                                quota::Certainty::estimated);
    }
    auto gathered = std::make_unique<WholeAnswer>(std::move(all));
    gathered->origin = std::move(answer->origin);
    gathered->remark = std::move(answer->remark);
    std::unique_ptr<Answer> out = std::move(gathered);
    co_return out;
}

} // namespace

net::Task<Upstream::Opened> Upstream::attempt(const AttemptInput& input) {
    if (input.candidate.provider->dialect != config::Dialect::demo)
        co_return co_await attempt_provider(input);
    auto demo = co_await attempt_demo(input);
    if (demo) co_return std::move(*demo);
    co_return std::unexpected(
        AttemptFailure{std::move(demo).error(), dialects::FailureClass::transient, std::nullopt});
}

// What a failure says about the key.
void Upstream::judge(const AttemptInput& input, const AttemptFailure& failure) {
    const std::string why(failure.error.detail());
    switch (failure.kind) {
    case dialects::FailureClass::rate:
        keys_.cool(input.key, failure.retry_after.value_or(usual_cooling), why);
        break;
    case dialects::FailureClass::auth:
        keys_.suspend(input.key, KeyState::suspended_auth, why);
        break;
    case dialects::FailureClass::billing:
        keys_.suspend(input.key, KeyState::suspended_billing, why);
        break;
    case dialects::FailureClass::capacity:
    case dialects::FailureClass::access:
    case dialects::FailureClass::transient: keys_.note_error(input.key, why); break;
    case dialects::FailureClass::context:
    case dialects::FailureClass::policy:
    case dialects::FailureClass::request: break;
    }
}

// The route's candidates with each tier begun at another target in turn, by weight.
std::vector<const Candidate*> Upstream::in_turn(const Route& route) {
    std::vector<const Candidate*> out;
    out.reserve(route.candidates.size());
    for (const Candidate& candidate : route.candidates) out.push_back(&candidate);
    if (out.size() < 2) return out;
    const std::uint64_t turn = turn_.fetch_add(1, std::memory_order_relaxed);
    for (auto tier = out.begin(); tier != out.end();) {
        const std::int64_t number = (*tier)->target->tier;
        const auto end = std::find_if(
            tier, out.end(), [&](const Candidate* c) { return c->target->tier != number; });
        std::uint64_t weights = 0;
        for (auto it = tier; it != end; ++it)
            weights += static_cast<std::uint64_t>((*it)->target->weight);
        std::uint64_t point = turn % weights;
        auto first = tier;
        while (point >= static_cast<std::uint64_t>((*first)->target->weight))
            point -= static_cast<std::uint64_t>((*first++)->target->weight);
        std::rotate(tier, first, end);
        tier = end;
    }
    return out;
}

net::Task<Result<std::unique_ptr<Answer>>>
Upstream::open(Caller caller, quota::Reservation& reservation, Allowance& allowance,
               const filter::Checked& checked, const Route& route, chat::Delivery delivery) {
    const config::Quota::Reserve reserve = route.routes->config().quota.reserve;
    Tally tally;
    std::size_t attempts = 0;
    const std::vector<const Candidate*> candidates = in_turn(route);
    for (const Candidate* const chosen : candidates) {
        const Candidate& candidate = *chosen;
        const KeyPool::Choices choices = keys_.choose(*candidate.provider);
        if (choices.keys.empty()) tally.skipped(choices);
        for (const KeyPool::Choice& key : choices.keys) {
            if (attempts++ >= limits::attempts) break;
            const Deadline deadline =
                Deadline::at(clock_.steady() + candidate.provider->timeouts.total);
            const KeyPool::Use use = keys_.use(key);
            const AttemptInput input{caller.client,
                                     caller.loop,
                                     caller.interrupt,
                                     reservation,
                                     allowance,
                                     checked.request(),
                                     candidate.url,
                                     candidate,
                                     key,
                                     asked(candidate, reserve, delivery),
                                     deadline,
                                     route.max_output_tokens};
            allowance.restart();
            reservation.restart();
            Opened opened = co_await attempt(input);
            if (opened && delivery == chat::Delivery::whole) {
                auto whole = co_await gather(std::move(*opened), input, caller.meter);
                allowance.count_exactly_by({});
                if (whole) opened = std::move(*whole);
                else
                    opened = std::unexpected(AttemptFailure{
                        std::move(whole).error(), dialects::FailureClass::transient, std::nullopt});
            }
            if (opened) {
                keys_.note_success(key);
                (*opened)->keep = route.routes;
                co_return std::move(*opened);
            }
            judge(input, opened.error());
            if (is_final(opened.error()))
                co_return std::unexpected(std::move(opened).error().error);
            tally.failed(opened.error());
            // A provider in trouble is in trouble with its other keys too: the next target at once.
            if (opened.error().kind == dialects::FailureClass::transient ||
                opened.error().kind == dialects::FailureClass::capacity)
                break;
        }
    }
    co_return std::unexpected(std::move(tally).verdict());
}

} // namespace weir::upstream
