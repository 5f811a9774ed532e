#include "gateway/generation.h"

#include "gateway/replay.h"
#include "gateway/responses.h"
#include "json/writer.h"
#include "quota/price.h"

#include <algorithm>
#include <bit>
#include <iterator>

namespace weir::gateway {
namespace {

// Without a provider's count, a token is taken to be four bytes of text.
std::int64_t tokens_of(std::size_t bytes) { return static_cast<std::int64_t>((bytes + 3) / 4); }

} // namespace

Generation::Generation(Parts& parts, ThreadParts& mine, Order order)
    : parts_(parts),
      mine_(mine),
      question_(std::make_unique<Question>(std::move(order.checked), std::move(order.route))),
      input_estimate_(question_->checked.request().input_tokens_estimate()),
      reservation_(std::move(order.reservation)),
      allowance_(*reservation_, mine.loop, order.allowance),
      delivery_(order.delivery),
      choices_(question_->checked.request().choices()),
      log_(parts.streams.open(mine.loop, std::move(order.begun))),
      life_(order.life),
      slot_(std::move(order.slot)) {
    if (order.talk) {
        talk_ = std::make_unique<const std::string>(*std::move(order.talk));
        draft_ = dialects::responses_whole_encoder({log_->begun().answer_id, log_->begun().echo});
    }
    if (order.token_charge)
        token_charge_ = std::make_unique<limits::TokenCharge>(*std::move(order.token_charge));
    if (order.claim)
        claim_ = std::make_unique<streams::Idempotency::Claim>(*std::move(order.claim));
    if (order.flight) flight_ = std::make_unique<const Digest>(*order.flight);
    if (claim_) claim_->begin(log_);
    if (flight_) parts_.flights.begin(*flight_, log_);
    parts_.running.fetch_add(1, std::memory_order_relaxed);
    mine_.generations.insert(this);
}

Generation::~Generation() { mine_.generations.erase(this); }

std::shared_ptr<Generation> Generation::start(Parts& parts, ThreadParts& mine, Order order) {
    auto generation = std::make_shared<Generation>(parts, mine, std::move(order));
    generation->log_->on_wish([weak = std::weak_ptr(generation)](std::optional<Error> why) {
        const auto self = weak.lock();
        if (!self) return;
        if (why) self->stop(*std::move(why));
        else if (!self->claim_ && self->life_ == Order::Life::with_readers)
            self->interrupt_.request();
    });
    mine.loop.spawn(run(generation));
    return generation;
}

void Generation::stop(Error why) {
    // What was finished is whole: only its usage is still to come.
    if (log_->ended()) return;
    if (finished_) {
        if (why.code() == Errc::shutting_down) interrupt_.request();
        return;
    }
    stopped_ = std::move(why);
    interrupt_.request();
}

net::Task<void> Generation::run(std::shared_ptr<Generation> self) {
    Generation& me = *self;
    upstream::Upstream::Caller caller{me.mine_.loop, me.mine_.client, me.interrupt_,
                                      me.parts_.meter};
    auto answer =
        co_await me.parts_.upstream.open(caller, *me.reservation_, me.allowance_,
                                         me.question_->checked, me.question_->route, me.delivery_);
    // The question has been asked: only what it counts for is needed from here on.
    if (answer && quota::TokenMeter::is_exact((*answer)->origin->source.model)) me.meter_exactly();
    const bool once_more = me.question_->route.continuation != config::Continuation::off &&
                           me.delivery_ == chat::Delivery::streamed &&
                           chat::can_be_continued(me.question_->checked.request());
    // What the answer came from keeps what it points to.
    if (!once_more) me.question_.reset();
    if (answer) {
        me.belongs_to(std::move((*answer)->origin));
        auto pumped = co_await me.pump(**answer);
        me.remark_ = std::move((*answer)->remark);
        // Hang up before anything else: the provider should not speak into the void.
        answer->reset();
        if (!pumped && once_more && me.may_go_on(pumped.error()))
            pumped = co_await me.go_on(std::move(pumped).error());
        co_await me.settle(std::move(pumped));
    } else {
        co_await me.give_up(std::move(answer).error());
    }
    me.parts_.running.fetch_sub(1, std::memory_order_relaxed);
}

void Generation::belongs_to(std::unique_ptr<upstream::Answer::Origin> origin) {
    log_->set_source(std::move(origin->source));
    price_ = origin->price;
}

// What it says can be counted: where no provider does, and where a budget is nearly spent.
void Generation::meter_exactly() {
    const chat::ChatRequest& request = question_->checked.request();
    exact_ = std::make_unique<const Exact>(request.input_text(), request.input_frame_tokens());
    if (delivery_ == chat::Delivery::whole) return;
    allowance_.count_exactly_by([this](std::string more) -> net::Task<std::optional<std::int64_t>> {
        auto said = log_->output();
        if (!said) co_return std::nullopt;
        co_return co_await parts_.meter.count(mine_.loop, *said + more, log_->source()->model);
    });
}

// Before it is settled: what no provider has counted is.
net::Task<void> Generation::count_output(Made made) {
    if (first_part_) co_return;
    const bool counted = reported_ && reported_->usage.output.value() > 0;
    const std::string model = log_->source()->model;
    if (counted && made == Made::whole) {
        if (!parts_.meter.wants(model)) co_return;
        // Thought is counted, and not always shown: such an answer teaches nothing.
        const chat::Usage& usage = reported_->usage;
        if (usage.reasoning.value() > 0) co_return;
        if (const auto said = log_->output())
            parts_.meter.learn(model, *said, usage.output.value());
        co_return;
    }
    auto said = output_bytes_ > 0 ? log_->output() : std::nullopt;
    if (said) output_count_ = co_await parts_.meter.count(mine_.loop, *std::move(said), model);
    if (reported_ || !exact_) co_return;
    const std::int64_t text = co_await parts_.meter.count(mine_.loop, exact_->text, model);
    input_estimate_ = text + exact_->frame_tokens;
}

// Moves events from the provider into the log until the answer ends.
net::Task<Result<void>> Generation::pump(upstream::Answer& answer) {
    while (true) {
        CO_TRY(auto events, co_await answer.next());
        if (events.empty()) co_return Result<void>();
        // Nothing beyond what the disk has paid for is passed on. A whole answer comes metered.
        if (delivery_ == chat::Delivery::streamed && !allowance_.pass_now(events))
            CO_CHECK(co_await allowance_.pass(events));
        take(events);
        if (allowance_.was_cut()) co_return Result<void>();
        if (parts_.streams.is_full()) co_await parts_.streams.room(mine_.loop, interrupt_);
        if (interrupt_.requested() && !finished_) co_return refuse(Errc::client_left);
    }
}

bool Generation::may_go_on(const Error& why) const {
    const bool broke_off =
        why.code() == Errc::upstream_error || why.code() == Errc::upstream_timeout ||
        why.code() == Errc::upstream_malformed || why.code() == Errc::stream_truncated;
    return broke_off && only_text_ && output_bytes_ > 0 && !finished_ && !interrupt_.requested();
}

// One more provider is asked, for the rest. If that fails too, the client hears of the first.
net::Task<Result<void>> Generation::go_on(Error why) {
    const auto said = log_->output();
    if (!said) co_return std::unexpected(std::move(why));
    co_await count_output(Made::in_part);
    const chat::Usage so_far = used(Made::in_part);
    auto rest = chat::ask_for_rest(question_->checked.request(), *said, so_far.output.value());
    auto checked = rest ? filter::check(*std::move(rest)) : std::unexpected(rest.error());
    if (!checked) co_return std::unexpected(std::move(why));
    const std::shared_ptr<const streams::Source> from = log_->source();
    upstream::Route& route = question_->route;
    if (route.continuation == config::Continuation::same_model)
        std::erase_if(route.candidates,
                      [&](const upstream::Candidate& c) { return c.model != from->model; });
    // The one that broke off is asked last.
    std::vector<upstream::Candidate> others;
    std::vector<upstream::Candidate> again;
    for (upstream::Candidate& candidate : route.candidates) {
        const bool same =
            candidate.model == from->model && candidate.provider->name == from->provider;
        (same ? again : others).push_back(std::move(candidate));
    }
    std::ranges::move(again, std::back_inserter(others));
    route.candidates = std::move(others);
    allowance_.go_on();
    upstream::Upstream::Caller caller{mine_.loop, mine_.client, interrupt_, parts_.meter};
    auto answer = co_await parts_.upstream.open(caller, *reservation_, allowance_, *checked, route,
                                                delivery_);
    if (!answer) co_return std::unexpected(std::move(why));
    first_part_ = std::make_unique<FirstPart>(so_far, output_bytes_, chat::Seam(*said));
    reported_.reset();
    output_count_.reset();
    std::string marker = "\"x_weir\":{\"continued_from\":";
    json::append_quoted(marker, from->provider + "/" + from->model);
    log_->append(chat::OtherDelta{0, {marker + "}", {}, {}}});
    belongs_to(std::move((*answer)->origin));
    co_return co_await pump(**answer);
}

void Generation::take(std::vector<chat::ChatEvent>& events) {
    for (chat::ChatEvent& event : events) take(std::move(event));
    count();
}

void Generation::take(chat::ChatEvent event) {
    if (auto* const usage = std::get_if<chat::UsageReport>(&event)) {
        // Some providers report a running count: the largest is the truth.
        if (!reported_ || usage->usage.output >= reported_->usage.output)
            reported_ = std::make_unique<const chat::UsageReport>(std::move(*usage));
        return;
    }
    const auto* const finish = std::get_if<chat::ChoiceFinished>(&event);
    if (finish != nullptr) finished_choices_ |= std::uint64_t{1} << (finish->choice % 64);
    finished_ = std::popcount(finished_choices_) >= choices_;
    output_bytes_ += chat::output_bytes(event);
    auto* const text = std::get_if<chat::TextDelta>(&event);
    only_text_ = only_text_ && (text != nullptr || std::holds_alternative<chat::Started>(event));
    if (first_part_) {
        // The answer has begun already; of the rest comes what was not said before.
        if (std::holds_alternative<chat::Started>(event)) return;
        if (text != nullptr) text->text = first_part_->seam.join(text->text);
        if (text != nullptr && text->text.empty()) return;
        if (std::string held = finish != nullptr ? first_part_->seam.finish() : ""; !held.empty())
            append(chat::TextDelta{0, std::move(held), {}});
    }
    append(std::move(event));
}

void Generation::append(chat::ChatEvent event) {
    if (draft_) draft_->event(event);
    log_->append(std::move(event));
}

// A provider's last count is the truth about a whole answer. Of any other it may be an early one,
// so what was produced counts where that is more.
chat::Usage Generation::used(Made made) const {
    chat::Usage usage;
    usage.input = Tokens(input_estimate_);
    usage.output = Tokens(output_count_.value_or(tokens_of(output_bytes_)));
    if (first_part_) {
        // The first one's question, and what both have said.
        const std::int64_t rest = tokens_of(output_bytes_ - first_part_->output_bytes);
        usage = first_part_->usage;
        usage.output += Tokens(reported_ ? reported_->usage.output.value() : rest);
        return usage;
    }
    if (!reported_) return usage;
    const std::int64_t counted = reported_->usage.output.value();
    if (made == Made::whole && (counted > 0 || output_bytes_ == 0)) return reported_->usage;
    const Tokens output(std::max(counted, usage.output.value()));
    usage = reported_->usage;
    usage.output = output;
    return usage;
}

bool Generation::is_reported(Made made) const {
    return reported_ && !first_part_ &&
           used(made).output.value() == reported_->usage.output.value();
}

quota::Cost Generation::cost(Made made) const {
    const chat::Usage usage = used(made);
    return {usage.input.value(), usage.output.value(),
            price_ ? quota::cost_nanousd(*price_, usage) : 0};
}

void Generation::count() {
    const bool reported = is_reported(Made::in_part);
    reservation_->count(cost(Made::in_part),
                        reported ? quota::Certainty::reported : quota::Certainty::estimated);
}

net::Task<void> Generation::settle(Result<void> pumped) {
    // A source that ends without an error has seen every choice finish.
    const bool whole = pumped.has_value();
    const bool left = !pumped && was_cancelled(pumped.error());
    streams::Ending ending;
    ending.outcome = whole  ? streams::Outcome::complete
                     : left ? streams::Outcome::cancelled
                            : streams::Outcome::interrupted;
    if (!whole) ending.error = stopped_.value_or(std::move(pumped).error());
    // Nobody heard this end; who joins later is told that there was one.
    if (left && !stopped_) ending.error = Error(Errc::stream_cancelled).because("everyone left");
    const quota::Reason reason = whole  ? quota::Reason::complete
                                 : left ? quota::Reason::cancelled
                                        : quota::Reason::interrupted;
    if (allowance_.was_cut()) ending.limit = allowance_.refusal();
    ending.remark = std::move(remark_);
    const Made made = whole && !allowance_.was_cut() ? Made::whole : Made::in_part;
    co_await count_output(made);
    const quota::Cost cost = this->cost(made);
    ending.estimated = !is_reported(made);
    ending.usage = used(made);
    ending.nanousd = cost.nanousd;
    if (token_charge_)
        token_charge_->settle(ending.usage.input.value() + ending.usage.output.value());
    if (!ending.estimated) {
        ending.usage_raw = reported_->raw;
        ending.usage_native = reported_->native;
    }
    const auto certainty =
        !ending.estimated ? quota::Certainty::reported : quota::Certainty::estimated;
    const std::int64_t lsn =
        std::move(*reservation_)
            .settle({reason, cost, certainty, price_ ? quota::version_of(*price_) : 0});
    // A stream's last frame says that all is well, so what it cost is on disk before it goes out.
    // If the disk fails the answer is whole all the same; the ledger refuses what comes next.
    if (delivery_ == chat::Delivery::streamed && !left)
        (void)co_await parts_.ledger.when_durable(lsn, mine_.loop);
    if (claim_ && (whole || left)) {
        // Should it fail, a retry is answered anew.
        streams::StoredAnswer stored = put_away(log_, mine_.loop, ending);
        (void)co_await claim_->keep(mine_.loop, std::move(stored));
    }
    co_await remember(ending);
    end(std::move(ending));
}

// What nobody waited for any more is not kept.
net::Task<void> Generation::remember(const streams::Ending& ending) {
    const bool left = ending.outcome == streams::Outcome::cancelled && !stopped_;
    if (talk_ && !left) co_await keep_response(parts_, mine_.loop, log_, *draft_, *talk_, ending);
}

void Generation::end(streams::Ending ending) {
    if (flight_) parts_.flights.end(*flight_, *log_);
    log_->end(std::move(ending));
    parts_.streams.ended(*log_);
    claim_.reset();
}

bool Generation::was_cancelled(const Error& error) const {
    if (stopped_) return stopped_->code() == Errc::stream_cancelled;
    return error.code() == Errc::client_left;
}

// Nothing of an answer was passed on; of a whole one some may have been made.
net::Task<void> Generation::give_up(Error error) {
    streams::Ending ending;
    // Stopped by the server, a client that got nothing pays nothing.
    const bool left = was_cancelled(error);
    if (stopped_) error = *stopped_;
    ending.outcome = left ? streams::Outcome::cancelled : streams::Outcome::interrupted;
    // Who is refused in the middle of the work pays the question: it was asked.
    const bool refused = error.code() == Errc::quota_exceeded && reservation_->sent();
    if (refused || (left && reservation_->sent())) {
        const quota::Cost counted = reservation_->counted();
        ending.usage.input = Tokens(counted.tokens_in);
        ending.usage.output = Tokens(counted.tokens_out);
        ending.nanousd = counted.nanousd;
        ending.estimated = true;
        std::move(*reservation_)
            .settle({left ? quota::Reason::cancelled : quota::Reason::interrupted, counted,
                     quota::Certainty::estimated});
    } else {
        std::move(*reservation_).release();
    }
    if (left && !stopped_) error = Error(Errc::stream_cancelled).because("everyone left");
    ending.error = std::move(error);
    if (claim_ && left) {
        streams::StoredAnswer stored = put_away(log_, mine_.loop, ending);
        (void)co_await claim_->keep(mine_.loop, std::move(stored));
    }
    co_await remember(ending);
    end(std::move(ending));
}

} // namespace weir::gateway
