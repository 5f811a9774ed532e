#include "upstream/provider_attempt.h"

#include "base/limits.h"
#include "base/text.h"
#include "dialects/openai/request.h"
#include "quota/price.h"
#include "upstream/codecs.h"
#include "upstream/pace.h"
#include "upstream/streamed_answer.h"
#include "wire/head_writer.h"

#include <algorithm>
#include <fmt/core.h>

namespace weir::upstream {
namespace {

using std::chrono::milliseconds;

// A connection that was dead already says so within a round trip. Later, the provider may have
// begun to work: asking again could be paid twice.
constexpr milliseconds dead_connection_time{250};

// A request as it goes on the wire.
struct RequestBytes {
    std::string bytes;
    std::size_t begin = 0;
    std::string_view view() const { return std::string_view(bytes).substr(begin); }
};
constexpr std::size_t head_room = 512;
constexpr std::size_t told_bytes = 512; // of a provider's words

// Errors: what the provider's dialect cannot say.
Result<RequestBytes> request_bytes(const AttemptInput& input, chat::Delivery delivery,
                                   dialects::Dropped& dropped) {
    const config::Provider& provider = *input.candidate.provider;
    const dialects::ProviderCodec& codec = *codec_for(provider.dialect, input.request.task());
    dialects::Terms terms;
    terms.model = input.candidate.model;
    terms.delivery = delivery;
    terms.usage = input.candidate.target->stream_usage == config::Target::Usage::asked
                      ? chat::UsageWish::include
                      : input.request.usage_wish();
    terms.api_version = provider.api_version;
    terms.max_output_tokens = input.max_output_tokens;
    // The head tells the body's length, so the body is written first, behind room for the head.
    RequestBytes out;
    out.bytes.reserve(head_room + dialects::openai_request_size(input.request));
    out.bytes.resize(head_room);
    WEIR_CHECK(codec.encode(input.request, terms, out.bytes, dropped));
    const chat::Original* const original = input.request.original();
    const bool native = original != nullptr && original->native == chat::Native::anthropic &&
                        provider.dialect == config::Dialect::anthropic;
    if (original != nullptr && !native)
        dropped.insert(dropped.begin(), original->untold.begin(), original->untold.end());

    std::string head_bytes;
    head_bytes.reserve(head_room);
    auto head = wire::HeadWriter::request(head_bytes, "POST", input.url->path + codec.path(terms),
                                          input.url->origin.authority());
    write_credential(head, codec, input.key.credential());
    if (native && !input.request.betas().empty())
        head.field("anthropic-beta", input.request.betas());
    head.field("content-type", "application/json");
    head.field("content-length", out.bytes.size() - head_room);
    head.field("accept",
               delivery == chat::Delivery::streamed ? codec.stream_type : "application/json");
    head.field("accept-encoding", "identity").field("user-agent", "weir").end();
    if (head_bytes.size() > head_room) {
        out.bytes.replace(0, head_room, head_bytes);
        return out;
    }
    out.begin = head_room - head_bytes.size();
    head_bytes.copy(out.bytes.data() + out.begin, head_bytes.size());
    return out;
}

// The rest of a body, bounded.
WEIR_OWN_FRAME net::Task<Result<std::string>> read_all(net::Call& call, std::size_t bytes_max,
                                                       const AttemptInput& input) {
    std::string body;
    const Pace pace{input.candidate.provider->timeouts.idle, input.deadline};
    while (true) {
        CO_TRY(const milliseconds wait, pace.patience(input.loop));
        auto piece = co_await call.read_body(wait);
        if (!piece) {
            // A broken whole answer is no answer.
            const bool broken = piece.error().code() == Errc::upstream_error;
            if (broken)
                co_return refuse(
                    Error(Errc::stream_truncated).because(std::string(piece.error().detail())));
            co_return std::unexpected(std::move(piece).error());
        }
        if (piece->empty()) co_return body;
        if (body.size() + piece->size() > bytes_max)
            co_return refuse(
                Error(Errc::upstream_malformed).because("the answer is larger than allowed"));
        body += *piece;
    }
}

// What a refusal means. `sent` is what it refuses.
AttemptFailure judged(int status, std::string_view body, const dialects::RetryHeaders& headers,
                      std::string_view sent, const AttemptInput& input) {
    dialects::ProviderFailure failure = dialects::classify_failure(status, body, headers, sent);
    // Some providers repeat the key that they refuse; what is clipped before could keep most of it.
    failure.message = clip(without(std::move(failure.message), input.key.credential()), told_bytes);
    const std::string detail =
        fmt::format("{} answered {}: {}", input.candidate.provider->name, status, failure.message);
    // What is missing there is said as the provider says it, should no other have it.
    const bool told = dialects::is_the_clients(failure.kind) ||
                      (failure.kind == dialects::FailureClass::access && status == 404);
    if (!told)
        return {Error(Errc::upstream_error).because(detail), failure.kind, failure.retry_after};
    Error error(Errc::upstream_rejected,
                failure.message.empty() ? "The provider refused the request." : failure.message);
    constexpr int bad_request = 400; // of a refusal that came with the status of an answer
    return {std::move(error).with_status(status < 400 ? bad_request : status).because(detail),
            failure.kind,
            {}};
}

WEIR_OWN_FRAME net::Task<AttemptFailure> read_failure(net::Call& call,
                                                      const wire::ResponseHead& head,
                                                      const AttemptInput& input,
                                                      std::string_view sent) {
    const auto body = co_await read_all(call, limits::upstream_error_bytes, input);
    const dialects::RetryHeaders headers{head.find("retry-after"), head.find("retry-after-ms")};
    co_return judged(head.status(), body ? std::string_view(*body) : std::string_view(), headers,
                     sent, input);
}

// What a provider says of itself is for the log, without the key that it may repeat.
AttemptFailure failed(Error error, const AttemptInput& input) {
    std::string detail = without(std::string(error.detail()), input.key.credential());
    return {std::move(error).because(std::move(detail)), dialects::FailureClass::transient, {}};
}

// Where an answer was to begin. What was sent is made once more: it was let go of long before.
AttemptFailure failed_at_once(Error error, const AttemptInput& input, chat::Delivery delivery) {
    if (error.told().empty()) return failed(std::move(error), input);
    dialects::Dropped dropped;
    const auto sent = request_bytes(input, delivery, dropped);
    return judged(200, error.told(), {}, sent ? sent->view() : std::string_view(), input);
}

// Sends the request and reads the answer's head; on an idle connection that turns out to be dead,
// once more on a fresh one: nothing of an answer was seen, and the provider closed before it.
WEIR_OWN_FRAME net::Task<Result<wire::ResponseHead>> exchange(const AttemptInput& input,
                                                              std::optional<net::Call>& call,
                                                              Deadline first_event,
                                                              const RequestBytes& request) {
    for (const auto reuse : {net::HttpClient::Reuse::allowed, net::HttpClient::Reuse::never}) {
        const Deadline connect =
            Deadline::at(input.loop.clock().steady() + input.candidate.provider->timeouts.connect);
        CO_TRY(net::Call opened,
               co_await input.client.open(input.url->origin, connect.earlier(input.deadline),
                                          input.interrupt, reuse));
        call.reset();
        call.emplace(std::move(opened));
        CO_CHECK(co_await input.reservation.durable(input.loop));
        const std::int64_t tokens_in = input.request.input_tokens_estimate();
        const auto& price = input.candidate.target->price;
        input.reservation.mark_sent(
            {tokens_in, 0, price ? quota::input_bound_nanousd(*price, tokens_in) : 0});
        const SteadyTime asked = input.loop.clock().steady();
        auto sent = co_await call->send(request.view());
        Result<wire::ResponseHead> head = refuse(Errc::upstream_error);
        if (sent) head = co_await call->read_head(Pace::left(first_event, input.loop));
        else head = std::unexpected(std::move(sent).error());
        const bool at_once = input.loop.clock().steady() - asked < dead_connection_time;
        const bool stale = !head && head.error().code() == Errc::upstream_error && at_once &&
                           call->reused() && !call->answer_begun();
        if (!stale) co_return head;
    }
    co_return refuse(Errc::upstream_error);
}

// The provider's own words against streaming, in any of the forms in use.
bool refuses_to_stream(const AttemptFailure& failure) {
    if (failure.kind != dialects::FailureClass::request) return false;
    std::string words(failure.error.detail());
    std::ranges::transform(words, words.begin(), to_lower);
    return words.find("stream") != std::string::npos &&
           (words.find("support") != std::string::npos ||
            words.find("unknown") != std::string::npos ||
            words.find("unrecognized") != std::string::npos ||
            words.find("not allowed") != std::string::npos);
}

// The names come from the client, and go into a header.
std::string as_header(const dialects::Dropped& dropped) {
    constexpr std::size_t names_max = 16;
    std::string out;
    std::size_t named = 0;
    for (const std::string& name : dropped) {
        if (++named > names_max) return out + ", and more";
        if (!out.empty()) out += ", ";
        for (const char c : clip(name, 64))
            out.push_back(c > ' ' && c < '\x7f' && c != ',' ? c : '?');
    }
    return out;
}

// Where the model's rule is that nothing is dropped.
Error untranslated(const dialects::Dropped& dropped) {
    return Error(Errc::unknown_parameter,
                 fmt::format("'{}' cannot be said to the provider of this model, which is strict.",
                             clip(dropped.front(), 64)))
        .at(dropped.front());
}

using Attempted = std::expected<std::unique_ptr<Answer>, AttemptFailure>;

WEIR_OWN_FRAME net::Task<Attempted> attempt_once(const AttemptInput& input,
                                                 chat::Delivery delivery) {
    if (delivery == chat::Delivery::whole) {
        auto held = input.allowance.hold_all();
        if (!held) co_return std::unexpected(failed(std::move(held).error(), input));
    }
    const Deadline first_event = input.deadline.earlier(
        Deadline::at(input.loop.clock().steady() + input.candidate.provider->timeouts.first_event));
    dialects::Dropped dropped;
    std::optional<RequestBytes> request;
    {
        auto made = request_bytes(input, delivery, dropped);
        if (made && input.candidate.strict && !dropped.empty())
            made = refuse(untranslated(dropped));
        // What this dialect cannot say another may.
        if (!made)
            co_return std::unexpected(
                AttemptFailure{std::move(made).error(), dialects::FailureClass::access, {}});
        request.emplace(*std::move(made));
    }
    std::optional<net::Call> call;
    auto head = co_await exchange(input, call, first_event, *request);
    if (!head) co_return std::unexpected(failed(std::move(head).error(), input));
    const auto said = dialects::read_provider_limits(head->fields(), input.loop.clock().wall());
    if (!said.none()) input.headroom.note(input.candidate, input.key.group(), said);
    if (head->status() != 200)
        co_return std::unexpected(co_await read_failure(*call, *head, input, request->view()));
    request.reset();

    const dialects::ProviderCodec& codec =
        *codec_for(input.candidate.provider->dialect, input.request.task());
    std::unique_ptr<Answer> out;
    const std::string_view type = head->find("content-type").value_or("");
    if (delivery == chat::Delivery::streamed && !type.starts_with("application/json")) {
        if (!type.starts_with(codec.stream_type)) {
            const std::string shown = clip(type, 64);
            co_return std::unexpected(
                failed(Error(Errc::upstream_error).because("not a stream but " + shown), input));
        }
        StreamedAnswer::Parts parts{input.loop,
                                    {input.candidate.provider->timeouts.idle, input.deadline},
                                    codec.stream(limits::upstream_event_bytes),
                                    input.request.choices(),
                                    input.key.credential()};
        auto streamed = std::make_unique<StreamedAnswer>(std::move(*call), std::move(parts));
        auto opened = co_await streamed->open(first_event);
        if (!opened)
            co_return std::unexpected(failed_at_once(std::move(opened).error(), input, delivery));
        out = std::move(streamed);
    } else {
        auto body = co_await read_all(*call, limits::upstream_body_bytes, input);
        if (!body) co_return std::unexpected(failed(std::move(body).error(), input));
        auto events = codec.whole(*body);
        if (!events) {
            Error fault = std::move(events).error();
            if (fault.code() == Errc::upstream_error)
                fault = std::move(fault).told(body->substr(0, limits::upstream_error_bytes));
            co_return std::unexpected(failed_at_once(std::move(fault), input, delivery));
        }
        date(*events, input.loop.clock().wall());
        out = std::make_unique<WholeAnswer>(*std::move(events));
    }
    out->origin = origin_of(input.candidate, input.candidate.model);
    out->origin->source.dropped = as_header(dropped);
    co_return out;
}

} // namespace

net::Task<Attempted> attempt_provider(const AttemptInput& input) {
    auto attempted = co_await attempt_once(input, input.delivery);
    const bool again = !attempted && input.delivery == chat::Delivery::streamed &&
                       refuses_to_stream(attempted.error());
    if (!again) co_return attempted;
    co_return co_await attempt_once(input, chat::Delivery::whole);
}

} // namespace weir::upstream
