#include "upstream/provider_attempt.h"

#include "base/limits.h"
#include "base/text.h"
#include "dialects/openai_answer.h"
#include "dialects/openai_request.h"
#include "quota/price.h"
#include "wire/head_writer.h"
#include "wire/sse_decoder.h"

#include <algorithm>
#include <fmt/core.h>

namespace weir::upstream {
namespace {

using chat::ChatEvent;
using std::chrono::milliseconds;

// A connection that was dead already says so within a round trip. Later, the provider may have
// begun to work: asking again could be paid twice.
constexpr milliseconds dead_connection_time{250};

milliseconds left(Deadline deadline, net::Loop& loop) {
    const auto rest = std::chrono::ceil<milliseconds>(deadline.left(loop.clock().steady()));
    return std::max(rest, milliseconds(1));
}

// How long to wait for the next bytes. Errors: upstream_timeout; bytes that keep coming would
// otherwise put the timer off for ever.
Result<milliseconds> patience(milliseconds idle, Deadline deadline, net::Loop& loop) {
    if (deadline.passed(loop.clock().steady()))
        return refuse(Error(Errc::upstream_timeout).because("the answer took too long"));
    return std::min(idle, left(deadline, loop));
}

// An answer that streams: server-sent events, decoded as they come.
class StreamedAnswer final : public Answer {
public:
    StreamedAnswer(const AttemptInput& input, net::Call call)
        : call_(std::move(call)),
          loop_(input.loop),
          idle_(input.candidate.provider->timeouts.idle),
          deadline_(input.deadline),
          decoder_(limits::upstream_event_bytes),
          choices_(input.request.choices()) {}

    net::Task<Result<std::vector<ChatEvent>>> next() override {
        if (!early_.empty()) co_return std::exchange(early_, {});
        if (failure_) co_return std::unexpected(*std::exchange(failure_, {}));
        while (!ended_) {
            const auto wait = patience(idle_, deadline_, loop_);
            if (!wait) co_return std::unexpected(wait.error());
            const auto bytes = co_await call_.read_body(*wait);
            std::vector<ChatEvent> events;
            CO_CHECK(bytes && !bytes->empty() ? take(*bytes, events) : take_end(bytes));
            if (!events.empty()) co_return events;
        }
        co_return std::vector<ChatEvent>();
    }

    // Reads up to the first event that a client would see. `first_event` bounds it.
    WEIR_OWN_FRAME net::Task<Result<void>> open(Deadline first_event) {
        const Deadline whole = std::exchange(deadline_, deadline_.earlier(first_event));
        std::vector<ChatEvent> opening;
        bool meaningful = false;
        std::size_t bytes = 0;
        while (!meaningful) {
            CO_TRY(auto events, co_await next());
            if (events.empty())
                co_return refuse(
                    Error(Errc::stream_truncated).because("an answer without any event"));
            meaningful = std::ranges::any_of(events, chat::is_meaningful);
            for (const chat::ChatEvent& event : events) bytes += chat::kept_bytes(event);
            if (bytes > limits::stream_bytes / 2)
                co_return refuse(
                    Error(Errc::upstream_malformed)
                        .because("too much before the first event that means anything"));
            std::ranges::move(events, std::back_inserter(opening));
        }
        early_ = std::move(opening);
        deadline_ = whole;
        co_return Result<void>();
    }

private:
    // What was read. Errors: as next().
    WEIR_OWN_FRAME Result<void> take(std::string_view bytes, std::vector<ChatEvent>& events) {
        auto decoded = decode(bytes, events);
        if (!decoded) {
            end();
            if (codec_.finished()) {
                note_after_finish(decoded.error());
                return {};
            }
            if (events.empty()) return decoded;
            // What came before the fault was said; the fault is told next.
            failure_ = std::move(decoded).error();
            return {};
        }
        if (!codec_.done()) return {};
        end();
        if (!codec_.finished())
            return refuse(Error(Errc::stream_truncated).because("[DONE] without a finish"));
        call_.finish_ready();
        return {};
    }
    // Nothing more was to be read: the end, or why not.
    WEIR_OWN_FRAME Result<void> take_end(const Result<std::string_view>& bytes) {
        end();
        if (codec_.finished() && codec_.choices_finished() >= choices_) {
            if (!bytes) note_after_finish(bytes.error());
            return {};
        }
        if (!bytes) return std::unexpected(bytes.error());
        return refuse(Error(Errc::stream_truncated).because("end of input without a finish"));
    }
    void end() {
        ended_ = true;
        if (codec_.skipped() > 0)
            note(fmt::format("{} events could not be read and were skipped", codec_.skipped()));
    }
    void note(std::string_view fact) {
        if (!remark.empty()) remark += "; ";
        remark += fact;
    }
    void note_after_finish(const Error& error) {
        note(fmt::format("after the finish: {} {}", name(error.code()), error.detail()));
    }
    Result<void> decode(std::string_view bytes, std::vector<ChatEvent>& events) {
        wire::SseEvent event;
        while (decoder_.next(bytes, event)) {
            WEIR_CHECK(codec_.decode(event, events));
            if (codec_.done()) return {};
        }
        if (decoder_.overflowed())
            return refuse(
                Error(Errc::upstream_malformed).because("an event is larger than allowed"));
        return {};
    }

    net::Call call_;
    net::Loop& loop_;
    milliseconds idle_;
    Deadline deadline_;
    wire::SseDecoder decoder_;
    dialects::OpenAiStreamDecoder codec_;
    std::vector<ChatEvent> early_;
    std::optional<Error> failure_; // comes after the events that were read with it
    std::int64_t choices_;         // asked for
    bool ended_ = false;
};

// A request as it goes on the wire.
struct RequestBytes {
    std::string bytes;
    std::size_t begin = 0;
    std::string_view view() const { return std::string_view(bytes).substr(begin); }
};
constexpr std::size_t head_room = 512;

RequestBytes request_bytes(const AttemptInput& input, chat::Delivery delivery) {
    dialects::OpenAiTerms terms;
    terms.model = input.candidate.model;
    terms.delivery = delivery;
    terms.usage = input.candidate.target->stream_usage == config::Target::Usage::asked
                      ? chat::UsageWish::include
                      : input.request.usage_wish();
    // The head tells the body's length, so the body is written first, behind room for the head.
    RequestBytes out;
    out.bytes.reserve(head_room + dialects::openai_request_size(input.request));
    out.bytes.resize(head_room);
    dialects::encode_openai_request(input.request, terms, out.bytes);

    std::string head_bytes;
    head_bytes.reserve(head_room);
    auto head = wire::HeadWriter::request(head_bytes, "POST", input.url->path + "/chat/completions",
                                          input.url->origin.authority());
    if (const std::string_view credential = input.key.credential(); !credential.empty())
        head.field("authorization", "Bearer " + std::string(credential));
    head.field("content-type", "application/json");
    head.field("content-length", out.bytes.size() - head_room);
    head.field("accept",
               delivery == chat::Delivery::streamed ? "text/event-stream" : "application/json");
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
    const milliseconds idle = input.candidate.provider->timeouts.idle;
    while (true) {
        CO_TRY(const milliseconds wait, patience(idle, input.deadline, input.loop));
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

WEIR_OWN_FRAME net::Task<AttemptFailure>
read_failure(net::Call& call, const wire::ResponseHead& head, const AttemptInput& input) {
    const auto body = co_await read_all(call, limits::upstream_error_bytes, input);
    const dialects::RetryHeaders headers{head.find("retry-after"), head.find("retry-after-ms")};
    const int status = head.status();
    dialects::ProviderFailure failure = dialects::classify_failure(
        status, body ? std::string_view(*body) : std::string_view(), headers);
    // Some providers repeat the key that they refuse.
    failure.message = without(std::move(failure.message), input.key.credential());
    const std::string detail =
        fmt::format("{} answered {}: {}", input.candidate.provider->name, status, failure.message);
    if (failure.kind == dialects::FailureClass::request) {
        Error error(Errc::upstream_rejected, failure.message.empty()
                                                 ? "The provider refused the request."
                                                 : failure.message);
        co_return AttemptFailure{
            std::move(error).with_status(status).because(detail), failure.kind, {}};
    }
    co_return AttemptFailure{Error(Errc::upstream_error).because(detail), failure.kind,
                             failure.retry_after};
}

AttemptFailure failed(Error error) {
    return {std::move(error), dialects::FailureClass::transient, {}};
}

// Sends the request and reads the answer's head; on an idle connection that turns out to be dead,
// once more on a fresh one: nothing of an answer was seen, and the provider closed before it.
WEIR_OWN_FRAME net::Task<Result<wire::ResponseHead>> exchange(const AttemptInput& input,
                                                              chat::Delivery delivery,
                                                              std::optional<net::Call>& call,
                                                              Deadline first_event) {
    const RequestBytes request = request_bytes(input, delivery);
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
        if (sent) head = co_await call->read_head(left(first_event, input.loop));
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

using Attempted = std::expected<std::unique_ptr<Answer>, AttemptFailure>;

WEIR_OWN_FRAME net::Task<Attempted> attempt_once(const AttemptInput& input,
                                                 chat::Delivery delivery) {
    if (delivery == chat::Delivery::whole) {
        auto held = input.allowance.hold_all();
        if (!held) co_return std::unexpected(failed(std::move(held).error()));
    }
    const Deadline first_event = input.deadline.earlier(
        Deadline::at(input.loop.clock().steady() + input.candidate.provider->timeouts.first_event));
    std::optional<net::Call> call;
    auto head = co_await exchange(input, delivery, call, first_event);
    if (!head) co_return std::unexpected(failed(std::move(head).error()));
    if (head->status() != 200)
        co_return std::unexpected(co_await read_failure(*call, *head, input));

    std::unique_ptr<Answer> out;
    const std::string_view type = head->find("content-type").value_or("");
    if (delivery == chat::Delivery::streamed && !type.starts_with("application/json")) {
        if (!type.starts_with("text/event-stream")) {
            const std::string shown = clip(type, 64);
            co_return std::unexpected(
                failed(Error(Errc::upstream_error).because("not an event stream but " + shown)));
        }
        auto streamed = std::make_unique<StreamedAnswer>(input, std::move(*call));
        auto opened = co_await streamed->open(first_event);
        if (!opened) co_return std::unexpected(failed(std::move(opened).error()));
        out = std::move(streamed);
    } else {
        auto body = co_await read_all(*call, limits::upstream_body_bytes, input);
        if (!body) co_return std::unexpected(failed(std::move(body).error()));
        auto events = dialects::decode_openai_answer(*body);
        if (!events) co_return std::unexpected(failed(std::move(events).error()));
        out = std::make_unique<WholeAnswer>(*std::move(events));
    }
    out->origin = origin_of(input.candidate, input.candidate.model);
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
