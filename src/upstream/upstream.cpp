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
        if (choices.ready_in) ready_in(*choices.ready_in);
        ++skipped_;
    }
    void no_room(milliseconds wait) {
        ready_in(wait);
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
            ready_in(failure.retry_after.value_or(usual_cooling));
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
    void ready_in(milliseconds wait) { ready_in_ = std::min(ready_in_.value_or(wait), wait); }
    int tried_ = 0;
    int skipped_ = 0;   // targets without a key that may be asked
    int suspended_ = 0; // of those, for good
    int refused_ = 0;   // tries that a key did not survive
    int cooled_ = 0;    // tries that were told to wait
    std::optional<milliseconds> ready_in_;
    std::optional<Error> last_;
};

bool is_trouble(dialects::FailureClass kind) {
    return kind == dialects::FailureClass::transient || kind == dialects::FailureClass::capacity;
}

// Whether the provider is to blame, and not whoever asked or the books here.
bool is_the_providers(Errc code) {
    return code == Errc::upstream_error || code == Errc::upstream_timeout ||
           code == Errc::upstream_malformed || code == Errc::stream_truncated;
}

// Nothing was sent: the target's dialect, or the model's rule, has no words for it.
bool is_unsayable(const AttemptFailure& failure) {
    return failure.kind == dialects::FailureClass::access &&
           !is_the_providers(failure.error.code()) &&
           failure.error.code() != Errc::upstream_rejected;
}

// A refusal for the key's sake costs nothing, and takes the key out of the way.
bool was_work(const AttemptFailure& failure) {
    const bool access = failure.kind == dialects::FailureClass::access;
    return is_trouble(failure.kind) || (access && !is_unsayable(failure));
}

bool is_final(const AttemptFailure& failure) {
    const Errc code = failure.error.code();
    return code == Errc::client_left || code == Errc::ledger_unavailable ||
           code == Errc::quota_exceeded || dialects::is_the_clients(failure.kind);
}

// A whole answer cannot be cut, so it is asked for only where all of it is held, or where the
// target cannot do otherwise.
chat::Delivery asked(const Candidate& candidate, config::Quota::Reserve reserve,
                     chat::Delivery wished, chat::Task task) {
    if (candidate.provider->dialect == config::Dialect::demo) return wished;
    if (task == chat::Task::embeddings) return chat::Delivery::whole;
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

net::Task<Upstream::Opened> Upstream::whole_of(std::unique_ptr<Answer> answer,
                                               const AttemptInput& input,
                                               quota::TokenMeter& meter) {
    auto gathered = co_await gather(std::move(answer), input, meter);
    input.allowance.count_exactly_by({});
    if (gathered) co_return std::move(*gathered);
    co_return std::unexpected(AttemptFailure{std::move(gathered).error(),
                                             dialects::FailureClass::transient, std::nullopt});
}

// What a failure says about the key, and about the target.
void Upstream::judge(const AttemptInput& input, const AttemptFailure& failure, Targets::Use& use) {
    using dialects::FailureClass;
    const std::string why(failure.error.detail());
    switch (failure.kind) {
    case FailureClass::rate:
        keys_.cool(input.key, failure.retry_after.value_or(usual_cooling), why);
        break;
    case FailureClass::auth: keys_.suspend(input.key, KeyState::suspended_auth, why); break;
    case FailureClass::billing: keys_.suspend(input.key, KeyState::suspended_billing, why); break;
    case FailureClass::capacity:
    case FailureClass::transient:
        keys_.note_error(input.key, why);
        if (is_the_providers(failure.error.code())) use.failed();
        break;
    case FailureClass::access:
        if (!is_unsayable(failure)) keys_.note_error(input.key, why);
        break;
    case FailureClass::context:
    case FailureClass::policy:
    case FailureClass::request: break;
    }
}

net::Task<Result<std::unique_ptr<Answer>>>
Upstream::open(Caller caller, quota::Reservation& reservation, Allowance& allowance,
               const filter::Checked& checked, const Route& route, chat::Delivery delivery) {
    const config::Quota::Reserve reserve = route.routes->config().quota.reserve;
    Tally tally;
    std::size_t tries = 0; // that were work for a provider
    std::size_t attempts = 0;
    budget_.request();
    CO_TRY(const std::vector<const Candidate*> candidates,
           targets_.order(route, checked.request()));
    const std::int64_t tokens = checked.request().input_tokens_estimate();
    std::optional<Deadline> whole; // one for all tries
    for (const Candidate* const chosen : candidates) {
        const Candidate& candidate = *chosen;
        const KeyPool::Choices choices = keys_.choose(*candidate.provider);
        if (choices.keys.empty()) tally.skipped(choices);
        for (const KeyPool::Choice& key : choices.keys) {
            if (tries >= limits::attempts || attempts >= limits::keys_tried) break;
            if (!keys_.may_ask(key)) continue;
            if (candidates.size() > 1 && !targets_.admits(candidate, key.group())) continue;
            const auto no_room = headroom_.take(candidate, key.group(), tokens);
            if (no_room) {
                tally.no_room(*no_room);
                continue;
            }
            // The first try is everyone's right; one more costs the budget of all.
            if (tries > 0 && !budget_.take()) break;
            const Deadline deadline =
                Deadline::at(clock_.steady() + candidate.provider->timeouts.total);
            whole = whole ? whole->earlier(deadline) : deadline;
            ++attempts;
            const KeyPool::Use use = keys_.use(key);
            Targets::Use visit(targets_, candidate, key.group());
            const AttemptInput input{caller.client,
                                     headroom_,
                                     caller.loop,
                                     caller.interrupt,
                                     reservation,
                                     allowance,
                                     checked.request(),
                                     candidate.url,
                                     candidate,
                                     key,
                                     asked(candidate, reserve, delivery, checked.request().task()),
                                     *whole,
                                     route.max_output_tokens};
            allowance.restart();
            reservation.restart();
            Opened opened = co_await attempt(input);
            if (opened) visit.succeeded();
            if (opened && delivery == chat::Delivery::whole)
                opened = co_await whole_of(std::move(*opened), input, caller.meter);
            if (opened) {
                keys_.note_success(key);
                (*opened)->keep = route.routes;
                co_return std::move(*opened);
            }
            judge(input, opened.error(), visit);
            if (is_final(opened.error()))
                co_return std::unexpected(std::move(opened).error().error);
            tally.failed(opened.error());
            if (was_work(opened.error())) ++tries;
            // A provider in trouble is in trouble with its other keys too: the next target at once.
            if (is_trouble(opened.error().kind) || is_unsayable(opened.error())) break;
        }
    }
    co_return std::unexpected(std::move(tally).verdict());
}

} // namespace weir::upstream
