#include "gateway/relay.h"

#include "base/limits.h"
#include "dialects/usage_json.h"
#include "gateway/closing.h"

#include <fmt/core.h>

namespace weir::gateway {
namespace {

constexpr std::chrono::milliseconds settle_patience{500};
// A client takes no more than this at a time: what it is behind stays in the log, not in its
// buffers.
constexpr std::size_t gathered_bytes = 64 * 1024;

// One client's place in the log: wakes for events, for its client's leaving and for its timer.
class Place {
public:
    explicit Place(const RelayInput& input, std::uint64_t after = 0)
        : Place(input.exchange, input.log, after) {
        if (input.seat != nullptr) input.seat->release();
    }
    Place(net::Exchange& exchange, std::shared_ptr<streams::StreamLog> log, std::uint64_t after)
        : wake(exchange.loop()),
          timer(
              exchange.loop().wheel(),
              [](void* self) {
                  static_cast<Place*>(self)->timer_fired = true;
                  static_cast<Place*>(self)->wake.notify();
              },
              this),
          reader(std::move(log), exchange.loop(), wake, after),
          exchange_(exchange) {
        exchange_.watch(wake);
    }
    ~Place() { exchange_.unwatch(); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    // Nothing more will come for this reader.
    bool is_over() const { return reader.ending() != nullptr || reader.was_cut(); }

    net::Signal wake;
    net::Wheel::Timer timer;
    streams::StreamLog::Reader reader;
    bool timer_fired = false;

private:
    net::Exchange& exchange_;
};

// What an answer costs its reader: the whole of it, or only a request, where another pays the rest.
enum class Fare : std::uint8_t { whole, request };
Fare fare_of(const RelayInput& input) {
    return input.seat == nullptr ? Fare::whole : Fare::request;
}

dialects::Closing closing_for(const streams::Ending& ending,
                              const std::shared_ptr<const streams::Source>& source, Fare fare) {
    dialects::Closing out = closing_of(ending, source);
    if (fare == Fare::request) out.nanousd = 0;
    return out;
}

void write_ending(record::Record& record, const streams::Ending& ending,
                  const std::shared_ptr<const streams::Source>& source) {
    record.outcome = streams::name(ending.outcome);
    record.tokens_in = ending.usage.input.value();
    record.tokens_out = ending.usage.output.value();
    record.nanousd = ending.nanousd;
    record.estimated = ending.estimated;
    record.detail = ending.remark;
    if (ending.error) {
        record.code = name(ending.error->code());
        record.detail = ending.error->detail();
    }
    if (ending.limit) {
        record.code = name(ending.limit->code());
        record.detail = ending.limit->message();
    }
    if (source) {
        record.provider = source->provider;
        record.upstream_model = source->model;
    }
}

void add_source(Responder& responder, const std::shared_ptr<const streams::Source>& source) {
    if (!source) return;
    responder.add_header("x-weir-provider", source->provider);
    responder.add_header("x-weir-model", source->model);
    if (!source->dropped.empty())
        responder.add_header("x-weir-warnings", "dropped: " + source->dropped);
}

// The client is gone, or was cut. Mostly the answer ends with it, and at once: what it cost belongs
// into the record. An answer that runs on for its key is waited for; where others read on, this
// record does without.
WEIR_OWN_FRAME net::Task<void> note_left(record::Record& record, const RelayInput& input, Errc why,
                                         std::optional<Place>& held) {
    held.reset();
    if (why == Errc::client_left) input.exchange.reset();
    net::Signal wake(input.exchange.loop());
    net::Wheel::Timer timer(
        input.exchange.loop().wheel(),
        [](void* signal) { static_cast<net::Signal*>(signal)->notify(); }, &wake);
    streams::StreamLog::Reader look(input.log, input.exchange.loop(), wake, 0,
                                    streams::StreamLog::Presence::looks);
    const SteadyTime until = input.clock.steady() + settle_patience;
    const bool brief = input.memory == RelayInput::Memory::brief;
    if (brief) timer.arm(settle_patience);
    while (look.look() == nullptr && !(brief && input.clock.steady() >= until))
        co_await wake.wait();
    const streams::Ending* const ending = look.look();
    if (ending != nullptr) write_ending(record, *ending, input.log->source());
    else if (const auto source = input.log->source()) {
        record.provider = source->provider;
        record.upstream_model = source->model;
    }
    if (why == Errc::stream_gone) {
        record.outcome = "interrupted";
        record.code = name(why);
    } else if (ending == nullptr || ending->error || (brief && !record.streamed)) {
        record.outcome = "cancelled";
        record.code = name(why);
    }
    if (record.status == 0) record.status = 499;
}

// It held back a full log.
Error too_slow() {
    return Error(Errc::stream_gone, "The stream was read too slowly; what is still there can be "
                                    "read at GET /v1/streams/{id}?after=N.");
}

// Before its client was sent anything it ended with an error, or what the client asked for is gone.
WEIR_OWN_FRAME net::Task<void> reject_over(const RelayInput& input, Responder responder,
                                           const streams::Ending* ending) {
    if (ending != nullptr) write_ending(responder.record(), *ending, input.log->source());
    Error error = ending != nullptr ? *ending->error : Error(Errc::stream_gone);
    co_await std::move(responder).reject(std::move(error));
}

WEIR_OWN_FRAME net::Task<void> send_nothing(Responder responder) {
    net::Response response;
    response.status = 204;
    co_await std::move(responder).send(std::move(response));
}

enum class Last : std::uint8_t { not_yet, whole, broken, cut };

// Writes a stream's events as one client wants them.
class Speaker {
public:
    Speaker(std::unique_ptr<dialects::StreamEncoder> encoder, Joining joining, Fare fare)
        : encoder_(std::move(encoder)), joining_(joining), fare_(fare) {}

    // Everything that can be said now; whether there was anything.
    bool gather(streams::StreamLog::Reader& reader, std::string& frames) {
        bool any = false;
        while (frames.size() < gathered_bytes) {
            const chat::ChatEvent* const event = reader.next();
            if (event == nullptr) break;
            number_ = reader.number();
            const std::size_t at = frames.size();
            encoder_->event(*event, frames);
            if (number_ <= joining_.after) {
                frames.resize(at); // said before; the encoder only had to hear it
                continue;
            }
            any = true;
            if (joining_.numbers == Joining::Numbers::shown && frames.size() > at)
                frames.insert(at, fmt::format("id: {}\n", number_));
        }
        return any;
    }
    std::string_view heartbeat() const { return encoder_->heartbeat(); }
    // What a late reader's encoder must know though it is no longer there.
    void hear(const chat::ChatEvent& event) {
        std::string unsaid;
        encoder_->event(event, unsaid);
    }
    // What an ending says, once everything before it was said.
    Last last_words(const streams::StreamLog::Reader& reader, const streams::StreamLog& log,
                    record::Record& record, std::string& frames) {
        if (const streams::Ending* const ending = reader.ending()) {
            write_ending(record, *ending, log.source());
            end(*ending, log.source(), frames);
            return ending->error ? Last::broken : Last::whole;
        }
        if (!reader.was_cut()) return Last::not_yet;
        encoder_->fail(too_slow(), frames);
        return Last::cut;
    }

private:
    void end(const streams::Ending& ending, const std::shared_ptr<const streams::Source>& source,
             std::string& frames) {
        std::string last;
        if (ending.error) encoder_->fail(*ending.error, last);
        else encoder_->close(closing_for(ending, source, fare_), last);
        if (joining_.numbers == Joining::Numbers::hidden) {
            frames += last;
            return;
        }
        // The frames of the ending are numbered on.
        for (std::string_view rest = last; !rest.empty();) {
            const std::size_t length = std::min(rest.find("\n\n"), rest.size() - 2) + 2;
            if (++number_ > joining_.after)
                frames += fmt::format("id: {}\n{}", number_, rest.substr(0, length));
            rest.remove_prefix(length);
        }
    }
    std::unique_ptr<dialects::StreamEncoder> encoder_;
    Joining joining_;
    Fare fare_;
    std::uint64_t number_ = 0;
};

} // namespace

net::Task<void> relay_stream(RelayInput input, Responder responder,
                             std::unique_ptr<dialects::StreamEncoder> encoder, Joining joining) {
    record::Record& record = responder.record();
    streams::StreamLog& log = *input.log;
    std::optional<Place> held(std::in_place, input, joining.after);
    Place& place = *held;
    // What has not been said yet is not skipped, whatever number is asked for.
    if (!log.ended()) joining.after = std::min(joining.after, log.newest());
    Speaker speaker(std::move(encoder), joining, fare_of(input));
    if (const auto started = log.started(); started && joining.after > 0) speaker.hear(*started);
    std::string frames;

    // Pending: nothing has been sent, so a failure is still a status.
    place.timer.arm(limits::open_time);
    while (!speaker.gather(place.reader, frames) && !place.timer_fired) {
        if (place.is_over()) {
            const auto* const ending = place.reader.ending();
            if (ending != nullptr && !ending->error) break;
            auto rejected = reject_over(input, std::move(responder), ending);
            co_return co_await rejected;
        }
        if (input.exchange.client_left())
            co_return co_await note_left(record, input, Errc::client_left, held);
        co_await place.wake.wait();
    }

    // Who joins an ended stream after its last word has everything already.
    Last last =
        place.is_over() ? speaker.last_words(place.reader, log, record, frames) : Last::not_yet;
    if (joining.numbers == Joining::Numbers::shown && last != Last::not_yet && frames.empty()) {
        auto sent = send_nothing(std::move(responder));
        co_return co_await sent;
    }

    // Opened: from here on there is no status left; a failure is an error frame.
    if (!frames.empty()) record.first_event = input.clock.steady() - input.started;
    else if (place.reader.ending() == nullptr) frames = speaker.heartbeat();
    add_source(responder, log.source());
    Responder::Frames out = std::move(responder).stream();
    while (true) {
        if (last == Last::not_yet) last = speaker.last_words(place.reader, log, record, frames);
        const bool written = co_await out.write(frames);
        frames.clear();
        if (!written || (last == Last::not_yet && input.exchange.client_left())) {
            const Errc why = place.reader.will_be_cut() ? Errc::stream_gone : Errc::client_left;
            input.exchange.reset();
            co_return co_await note_left(record, input, why, held);
        }
        if (last == Last::whole) co_return co_await out.finish();
        if (last != Last::not_yet) co_await out.finish_broken();
        if (last == Last::broken) co_return;
        if (last == Last::cut) co_return co_await note_left(record, input, Errc::stream_gone, held);
        place.timer_fired = false;
        place.timer.arm(limits::heartbeat_time);
        while (!speaker.gather(place.reader, frames) && !place.is_over()) {
            if (input.exchange.client_left()) break;
            if (place.timer_fired) {
                frames = speaker.heartbeat();
                break;
            }
            // An idle stream keeps no buffer.
            if (frames.capacity() > 512) std::string().swap(frames);
            co_await place.wake.wait();
        }
        if (record.first_event.count() == 0 && !frames.empty() && frames != speaker.heartbeat())
            record.first_event = input.clock.steady() - input.started;
    }
}

net::Task<void> relay_whole(RelayInput input, Responder responder,
                            std::unique_ptr<dialects::WholeEncoder> encoder,
                            std::function<std::string()> quota_json) {
    record::Record& record = responder.record();
    streams::StreamLog& log = *input.log;
    std::optional<Place> held(std::in_place, input);
    Place& place = *held;
    while (true) {
        while (const chat::ChatEvent* const event = place.reader.next()) {
            if (record.first_event.count() == 0)
                record.first_event = input.clock.steady() - input.started;
            encoder->event(*event);
        }
        const streams::Ending* const ending = place.reader.ending();
        if (place.reader.was_cut() || (ending != nullptr && ending->error))
            co_return co_await reject_over(input, std::move(responder), ending);
        if (ending != nullptr) {
            write_ending(record, *ending, log.source());
            add_source(responder, log.source());
            const dialects::Closing closing = closing_for(*ending, log.source(), fare_of(input));
            responder.add_header("x-weir-cost-usd", dialects::dollars(closing.nanousd));
            net::Response response;
            response.body = encoder->close(closing, quota_json);
            co_await std::move(responder).send(std::move(response));
            co_return;
        }
        if (input.exchange.client_left())
            co_return co_await note_left(record, input, Errc::client_left, held);
        co_await place.wake.wait();
    }
}

} // namespace weir::gateway
