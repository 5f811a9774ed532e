#include "gateway/serve_chat.h"

#include "base/limits.h"
#include "base/text.h"
#include "base/token_text.h"
#include "dialects/responses/request_in.h"
#include "gateway/generation.h"
#include "gateway/quota_view.h"
#include "gateway/relay.h"
#include "gateway/replay.h"
#include "gateway/responses.h"
#include "gateway/sharing.h"
#include "quota/price.h"

#include <algorithm>
#include <fmt/core.h>
#include <set>

namespace weir::gateway {
namespace {

// An answer is in progress until its last byte is written, not only until it is made.
class Running {
public:
    explicit Running(std::atomic<std::int64_t>& count) : count_(count) { ++count_; }
    ~Running() { --count_; }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

private:
    std::atomic<std::int64_t>& count_;
};

// What is left of a request once it was let in: an answer that is being made, and one of the
// encoders.
struct Begun {
    Caller caller;
    std::optional<limits::Concurrency::Slot> slot;
    std::shared_ptr<streams::StreamLog> log;
    std::unique_ptr<dialects::StreamEncoder> stream;
    std::unique_ptr<dialects::WholeEncoder> whole;
    RelayInput::Memory memory = RelayInput::Memory::brief;
    std::unique_ptr<Passenger> passenger = nullptr; // of somebody else's answer, else null
    std::string_view cache = "off";                 // for x-weir-cache
    bool at_once = false; // the client is told that it has begun, and no more
};

// "1s", "6m0s", "120ms", as OpenAI writes it.
std::string reset_text(std::chrono::nanoseconds time) {
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(time).count();
    if (ms < 1000) return fmt::format("{}ms", ms);
    const auto seconds = (ms + 999) / 1000;
    if (seconds < 60) return fmt::format("{}s", seconds);
    if (seconds < 3600) return fmt::format("{}m{}s", seconds / 60, seconds % 60);
    return fmt::format("{}h{}m{}s", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

void add_rate_headers(Responder& responder, const limits::Admission& admission) {
    struct Names {
        std::string_view limit;
        std::string_view remaining;
        std::string_view reset;
    };
    const auto add = [&](const std::optional<limits::Admission::Shown>& shown, const Names& names) {
        if (!shown) return;
        responder.add_header(names.limit, std::to_string(shown->limit));
        responder.add_header(names.remaining, std::to_string(shown->left.remaining));
        responder.add_header(names.reset, reset_text(shown->left.reset));
    };
    add(admission.requests, {"x-ratelimit-limit-requests", "x-ratelimit-remaining-requests",
                             "x-ratelimit-reset-requests"});
    add(admission.tokens,
        {"x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"});
}

Result<limits::Admission> not_too_fast(Parts& parts, const Caller& caller,
                                       const chat::ChatRequest& request, Responder& responder) {
    limits::Admission admission = parts.gate.admit(caller, request.input_tokens_estimate());
    add_rate_headers(responder, admission);
    if (admission.refusal) return std::unexpected(*std::move(admission.refusal));
    return admission;
}

upstream::Allowance::Terms allowance_of(const chat::ChatRequest& request,
                                        const upstream::Route& route, SteadyTime now) {
    upstream::Allowance::Terms terms;
    if (request.delivery() == chat::Delivery::streamed)
        terms.pending_until = now + limits::open_time;
    terms.usual = route.max_output_tokens * request.choices();
    if (const auto most = request.max_output_tokens()) terms.most = *most * request.choices();
    terms.held = terms.most.value_or(terms.usual);
    if (route.routes->config().quota.reserve == config::Quota::Reserve::slab)
        terms.held = std::min(terms.held, limits::slab_tokens);
    terms.dearest = route.dearest;
    return terms;
}

bool is_exact(const upstream::Candidate& candidate) {
    return quota::TokenMeter::is_exact(candidate.model);
}

// What is held at first.
quota::Bound bound_of(const chat::ChatRequest& request, const upstream::Route& route,
                      const upstream::Allowance::Terms& allowance) {
    quota::Bound bound;
    bound.choices = request.choices();
    // Of a text that can be counted, should that be needed, a byte is taken for a token.
    const bool exact = std::ranges::all_of(route.candidates, is_exact);
    bound.input_tokens = exact ? request.input_tokens_most() : request.input_tokens_bound();
    bound.output_tokens = allowance.held;
    bound.input_nanousd = quota::input_bound_nanousd(route.dearest, bound.input_tokens);
    bound.price = route.priced ? quota::Bound::Price::known : quota::Bound::Price::unknown;
    bound.output_nanousd = quota::output_bound_nanousd(route.dearest, bound.output_tokens);
    if (route.priced) bound.price_version = quota::version_of(route.dearest);
    return bound;
}

// The same with the input as it is, where every model that may answer can be counted.
WEIR_OWN_FRAME net::Task<quota::Bound> count_input(Parts& parts, ThreadParts& mine,
                                                   const chat::ChatRequest& request,
                                                   const upstream::Route& route,
                                                   quota::Bound bound) {
    if (!std::ranges::all_of(route.candidates, is_exact)) co_return bound;
    std::int64_t most = 0;
    std::set<chat::Encoding> counted;
    for (const upstream::Candidate& candidate : route.candidates) {
        if (!counted.insert(chat::counting_of(candidate.model).encoding).second) continue;
        const auto tokens =
            co_await parts.meter.try_count(mine.loop, request.input_text(), candidate.model);
        if (!tokens) co_return bound;
        most = std::max(most, *tokens);
    }
    bound.input_tokens = std::min(bound.input_tokens, most + 2 * request.input_frame_tokens());
    bound.input_nanousd = quota::input_bound_nanousd(route.dearest, bound.input_tokens);
    co_return bound;
}

// The input is taken at a cheap bound; where that is too much, it is counted.
WEIR_OWN_FRAME net::Task<Result<quota::Reservation>>
reserve(Parts& parts, ThreadParts& mine, const Caller& caller, const chat::ChatRequest& request,
        const upstream::Route& route, const quota::Bound& bound) {
    auto reserved = parts.ledger.reserve(caller, bound, route.name);
    if (reserved || reserved.error().code() != Errc::quota_exceeded) co_return reserved;
    const quota::Bound counted = co_await count_input(parts, mine, request, route, bound);
    if (counted.input_tokens >= bound.input_tokens) co_return reserved;
    co_return parts.ledger.reserve(caller, counted, route.name);
}

// A model that does not exist is said before values that are wrong.
Error earliest(Error wrong_values, std::string_view body, const upstream::Routes& routes,
               const Caller& caller) {
    if (wrong_values.code() == Errc::invalid_json) return wrong_values;
    const auto document = json::Document::parse(body);
    const auto model = document ? document->root().find("model") : std::nullopt;
    if (!model || !model->is(json::Kind::string) || model->text().empty()) return wrong_values;
    if (auto route = routes.find(model->text()); !route) return std::move(route).error();
    if (!caller.may_use(model->text())) return Errc::model_not_allowed;
    return wrong_values;
}

Error not_allowed(std::string_view model) {
    return Error(Errc::model_not_allowed,
                 fmt::format("This key may not use the model '{}'.", clip(model, 64)))
        .at("model");
}

// What an answer is begun as, but for its stream.
streams::Begun begun_as(const Door& door, const chat::ChatRequest& request, Responder& responder) {
    streams::Begun out;
    out.door = door.name;
    out.answer_id = std::string(door.answer_prefix) + responder.record().request_id;
    out.usage = request.usage_wish();
    if (request.original() != nullptr) out.echo = request.original()->echo;
    return out;
}

void speak_as(Begun& begun, const Door& door, chat::Delivery delivery, const streams::Begun& as) {
    if (delivery == chat::Delivery::streamed) begun.stream = door.stream(as);
    else begun.whole = door.whole(as);
}

// The answer that was given under this key before, or is being given.
Begun replay(Parts& parts, ThreadParts& mine, streams::Idempotency::Found found, Caller caller,
             const chat::ChatRequest& request, const Door& door, Responder& responder) {
    Begun begun{std::move(caller), std::nullopt, nullptr, nullptr, nullptr};
    if (auto* const stored = std::get_if<streams::StoredAnswer>(&found)) {
        responder.add_header("x-weir-idempotent", "replayed");
        begun.log = revive(parts, mine.loop, std::move(*stored));
    } else {
        begun.log = std::get<std::shared_ptr<streams::StreamLog>>(std::move(found));
        responder.add_header("x-weir-idempotent", begun.log->ended() ? "replayed" : "joined");
    }
    streams::Begun as = begun_as(door, request, responder);
    if (const std::string& id = begun.log->begun().answer_id; !id.empty()) as.answer_id = id;
    if (request.delivery() == chat::Delivery::streamed && begun.log->can_be_joined())
        responder.add_header("x-weir-stream-id", begun.log->begun().id);
    speak_as(begun, door, request.delivery(), as);
    return begun;
}

// Somebody else's answer, which this caller reads too.
Begun ride(Passenger passenger, Caller caller, std::optional<limits::Concurrency::Slot> slot,
           const chat::ChatRequest& request, const Door& door, Responder& responder) {
    Begun begun{std::move(caller), std::move(slot), passenger.log, nullptr, nullptr};
    begun.passenger = std::make_unique<Passenger>(std::move(passenger));
    speak_as(begun, door, request.delivery(), begun_as(door, request, responder));
    return begun;
}

// From here on money is held; the generation owns it and outlives this connection if it must.
Begun begin(Parts& parts, ThreadParts& mine, Generation::Order order, Caller caller,
            const Door& door, Responder& responder) {
    // The slot goes with whichever lives longer: an answer with a key outlives its request.
    using Slot = std::optional<limits::Concurrency::Slot>;
    const bool in_background = order.life == Generation::Order::Life::to_the_end;
    const bool outlives = order.claim.has_value() || in_background;
    Begun begun{std::move(caller), outlives ? Slot() : std::move(order.slot), nullptr, nullptr,
                nullptr};
    if (outlives) begun.memory = RelayInput::Memory::to_the_end;
    const chat::Delivery wished = order.delivery;
    order.begun = begun_as(door, order.checked.request(), responder);
    order.begun.owner = begun.caller.user;
    if (order.talk && !order.claim) order.begun.keeping = streams::Begun::Keeping::beside;
    if (wished == chat::Delivery::streamed || outlives || order.flight || order.talk) {
        const std::string name = random_base62(parts.random, 22);
        order.begun.id = "strm_" + name;
        if (door.memory == Door::Memory::responses)
            order.begun.answer_id = std::string(door.answer_prefix) + name;
    }
    speak_as(begun, door, wished, order.begun);
    if (wished == chat::Delivery::streamed)
        responder.add_header("x-weir-stream-id", order.begun.id);
    if (order.flight) {
        begun.cache = "miss";
        order.begun.audience = streams::Begun::Audience::all_who_ask;
    }
    // It is read as it grows, should somebody look.
    if (in_background) order.delivery = chat::Delivery::streamed;
    begun.log = Generation::start(parts, mine, std::move(order))->log();
    begun.at_once = in_background && wished == chat::Delivery::whole;
    return begun;
}

void note_wishes(std::string_view body, Generation::Order& order) {
    const dialects::ResponsesWishes wishes = dialects::wishes_of(body);
    if (wishes.background) order.life = Generation::Order::Life::to_the_end;
    if (wishes.store || wishes.background) order.talk = dialects::input_items(body);
}

struct Asked {
    std::string body;
    chat::ChatRequest request;
    upstream::Route route;
};

// What do they ask? Errors: length_required, request_too_large, those of the body and its values,
// not_found for the talk that it goes on with.
WEIR_OWN_FRAME net::Task<Result<Asked>> read_request(Parts& parts, ThreadParts& mine,
                                                     net::Exchange& exchange, const Door& door,
                                                     const Caller& caller) {
    if (exchange.head().framing().kind == wire::Framing::Kind::none)
        co_return refuse(Errc::length_required);
    const auto routes = parts.upstream.routes();
    const std::size_t bytes_max = routes->config().limits.body_bytes;
    CO_TRY(std::string body, co_await exchange.read_body(bytes_max));
    if (door.memory == Door::Memory::responses) {
        CO_TRY(body, co_await with_talk(parts, mine, caller, std::move(body)));
        if (body.size() > bytes_max)
            co_return refuse(Errc::request_too_large,
                             "The request is too large together with the talk before it.");
    }
    auto parsed = door.parse(body);
    if (!parsed)
        co_return std::unexpected(earliest(std::move(parsed).error(), body, *routes, caller));
    if (const auto betas = exchange.head().find("anthropic-beta");
        betas && betas->size() <= limits::betas_bytes)
        parsed->ask_for_betas(*betas);
    CO_TRY(upstream::Route route, routes->find(parsed->model()));
    co_return Asked{std::move(body), *std::move(parsed), std::move(route)};
}

// What is kept is found under a name of its own: another's answer is not.
bool is_kept(const Door& door, std::string_view body) {
    if (door.memory != Door::Memory::responses) return false;
    const dialects::ResponsesWishes wishes = dialects::wishes_of(body);
    return wishes.store || wishes.background;
}

// Whether it is made in the background, and only its beginning is told.
bool waits_for_nothing(const Door& door, const Asked& asked) {
    return door.memory == Door::Memory::responses &&
           asked.request.delivery() == chat::Delivery::whole &&
           dialects::wishes_of(asked.body).background;
}

// May they say it? What a rule redacts is not in the body any more.
Result<filter::Checked> look_at(Parts& parts, const Caller& caller, Asked& asked, const Door& door,
                                const record::Record& record) {
    const auto rules = parts.filter.get();
    const std::string model(asked.request.model());
    const filter::Notice notice = [&](const filter::Noticed& noticed) {
        parts.sink.publish(record::Event{
            "filter_hit", fmt::format("{}: rule {} ({}) matched {} times: {}", record.request_id,
                                      noticed.rule->id, noticed.rule->category, noticed.times,
                                      name(noticed.rule->action))});
    };
    return filter::check(std::move(asked.request), asked.body, door.parse, *rules,
                         {caller.key->team, model}, notice);
}

// From the head to the generation: who, what, how fast, how much. Cheapest refusal first; nothing
// is spent until the reservation.
WEIR_OWN_FRAME net::Task<Result<Begun>> admit(Parts& parts, ThreadParts& mine,
                                              net::Exchange& exchange, const Door& door,
                                              Responder& responder) {
    record::Record& record = responder.record();
    if (parts.draining.load(std::memory_order_relaxed)) co_return refuse(Errc::shutting_down);
    CO_CHECK(parts.gate.admit_address(exchange.client()));
    CO_TRY(Caller caller, identify(parts, exchange));
    record.key = caller.key->public_id;
    record.user = caller.key->owner;

    CO_TRY(Asked asked, co_await read_request(parts, mine, exchange, door, caller));
    chat::ChatRequest& request = asked.request;
    upstream::Route& route = asked.route;
    record.model = clip(request.model(), 128);
    record.streamed = request.delivery() == chat::Delivery::streamed;
    if (!caller.may_use(request.model())) co_return std::unexpected(not_allowed(request.model()));

    std::optional<streams::Idempotency::Claim> claim;
    CO_TRY(auto key, idempotency_key_of(exchange.head(), caller, door.name, request));
    if (key) {
        CO_TRY(auto found, co_await parts.idempotency.claim(mine.loop, *std::move(key)));
        if (auto* const free = std::get_if<streams::Idempotency::Claim>(&found)) {
            claim.emplace(std::move(*free));
        } else {
            // It was paid for when it was first asked: a replay needs neither rate nor quota.
            Begun begun =
                replay(parts, mine, std::move(found), std::move(caller), request, door, responder);
            begun.at_once = waits_for_nothing(door, asked) && !begun.log->ended();
            co_return begun;
        }
    }

    CO_TRY(limits::Admission admission, not_too_fast(parts, caller, request, responder));
    CO_TRY(filter::Checked checked, look_at(parts, caller, asked, door, record));
    const auto flight = claim || is_kept(door, asked.body)
                            ? std::nullopt
                            : flight_of(exchange.head(), caller, checked.request(), route);
    if (flight) {
        CO_TRY(auto passenger, co_await board(parts, mine, *flight, caller, route));
        if (passenger) {
            co_return ride(*std::move(passenger), std::move(caller), std::move(admission.slot),
                           checked.request(), door, responder);
        }
    }
    const upstream::Allowance::Terms allowance =
        allowance_of(checked.request(), route, parts.clock.steady());
    quota::Bound bound = bound_of(checked.request(), route, allowance);
    if (claim) bound.request_digest = claim->digest_text();
    CO_TRY(quota::Reservation reservation,
           co_await reserve(parts, mine, caller, checked.request(), route, bound));

    const chat::Delivery delivery = checked.request().delivery();
    Generation::Order order{
        .checked = std::move(checked),
        .route = std::move(route),
        .reservation = std::move(reservation),
        .allowance = allowance,
        .delivery = delivery,
        .begun = {},
        .claim = std::move(claim),
        .flight = flight,
        .slot = std::move(admission.slot),
        .token_charge = std::move(admission.token_charge),
        .life = Generation::Order::Life::with_readers,
        .talk = std::nullopt,
    };
    if (door.memory == Door::Memory::responses) note_wishes(asked.body, order);
    co_return begin(parts, mine, std::move(order), std::move(caller), door, responder);
}

// It is made in the background: the client asks for it later.
net::Task<void> send_begun(net::Loop& loop, std::shared_ptr<streams::StreamLog> log,
                           Responder responder) {
    net::Response response;
    response.body = object_so_far(log, loop);
    co_await std::move(responder).send(std::move(response));
}

WEIR_OWN_FRAME net::Task<void> relay(Parts& parts, net::Exchange& exchange, SteadyTime started,
                                     Begun& begun, Responder responder) {
    if (begun.at_once) return send_begun(exchange.loop(), begun.log, std::move(responder));
    RelayInput input{exchange, std::move(begun.log), parts.clock, started, begun.memory};
    if (begun.passenger) input.seat = begun.passenger->seat.get();
    if (begun.stream)
        return relay_stream(std::move(input), std::move(responder), std::move(begun.stream));
    return relay_whole(std::move(input), std::move(responder), std::move(begun.whole),
                       [&] { return quota_json(parts.ledger, begun.caller); });
}

} // namespace

std::string_view credential_of(const wire::RequestHead& head) {
    if (const auto header = head.find("authorization")) {
        constexpr std::string_view scheme = "bearer ";
        if (header->size() > scheme.size() &&
            equal_ignoring_case(header->substr(0, scheme.size()), scheme))
            return trim(header->substr(scheme.size()));
        return {};
    }
    return head.find("x-api-key").value_or(std::string_view());
}

Result<Caller> identify(Parts& parts, const net::Exchange& exchange) {
    const std::string_view credential = credential_of(exchange.head());
    // Whoever can open the control socket owns the server: no key is asked for.
    if (credential.empty() && exchange.peer().kind == net::Peer::Kind::control)
        return parts.access.first_admin();
    WEIR_CHECK(parts.gate.may_show_a_key(exchange.client()));
    auto caller = parts.access.identify(credential);
    if (!caller && !credential.empty()) parts.gate.note_bad_key(exchange.client());
    return caller;
}

net::Task<void> serve_chat(Parts& parts, ThreadParts& mine, net::Exchange& exchange,
                           const Door& door, record::Record& record) {
    const SteadyTime started = parts.clock.steady();
    // From its first station on: a drain waits for it.
    const Running running(parts.running);
    Responder responder(exchange, record, door.shape);
    auto begun = co_await admit(parts, mine, exchange, door, responder);
    if (!begun) {
        auto rejected = std::move(responder).reject(std::move(begun).error());
        co_return co_await rejected;
    }
    responder.add_header("x-weir-cache", std::string(begun->passenger ? "joined" : begun->cache));
    if (begun->passenger) {
        const auto delivery = begun->stream ? chat::Delivery::streamed : chat::Delivery::whole;
        co_await pay_fare(parts, exchange, *begun->passenger, delivery);
    }
    // Named first: a temporary would rest in this frame as long as the answer lasts.
    auto relayed = relay(parts, exchange, started, *begun, std::move(responder));
    co_await relayed;
    // The tokens stand in the record of whoever pays for them.
    if (begun->passenger) record.tokens_in = record.tokens_out = record.nanousd = 0;
}

} // namespace weir::gateway
