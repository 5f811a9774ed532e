#include "gateway/relay.h"

#include "base/limits.h"
#include "dialects/usage_json.h"
#include "wire/sse_encoder.h"

namespace weir::gateway {
namespace {

// One client's place in the log: wakes for events, for its client's leaving and for its timer.
class Place {
public:
    Place(net::Exchange& exchange, Generation& generation)
        : wake(exchange.loop()),
          timer(
              exchange.loop().wheel(),
              [](void* self) {
                  static_cast<Place*>(self)->timer_fired = true;
                  static_cast<Place*>(self)->wake.notify();
              },
              this),
          reader(std::in_place, generation.log(), wake),
          exchange_(exchange),
          generation_(generation) {
        exchange_.watch(wake);
    }
    ~Place() {
        exchange_.unwatch();
        reader.reset();
        generation_.reader_left();
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    net::Signal wake;
    net::Wheel::Timer timer;
    std::optional<streams::StreamLog::Reader> reader;
    bool timer_fired = false;

private:
    net::Exchange& exchange_;
    Generation& generation_;
};

dialects::Closing closing_of(const streams::Ending& ending,
                             const std::optional<streams::Source>& source) {
    dialects::Closing closing;
    closing.usage = ending.usage;
    closing.usage_raw = ending.usage_raw;
    closing.nanousd = ending.nanousd;
    closing.estimated = ending.estimated;
    if (source) {
        closing.provider = source->provider;
        closing.model = source->model;
    }
    return closing;
}

void write_ending(record::Record& record, const streams::Ending& ending,
                  const std::optional<streams::Source>& source) {
    record.outcome = streams::name(ending.outcome);
    record.tokens_in = ending.usage.input.value();
    record.tokens_out = ending.usage.output.value();
    record.nanousd = ending.nanousd;
    record.estimated = ending.estimated;
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

void add_source(Responder& responder, const std::optional<streams::Source>& source) {
    if (!source) return;
    responder.add_header("x-weir-provider", source->provider);
    responder.add_header("x-weir-model", source->model);
}

// The client is gone: what is known now goes into the record; the generation settles by itself.
void note_left(record::Record& record, const std::optional<streams::Source>& source) {
    record.outcome = "cancelled";
    record.code = name(Errc::client_left);
    if (record.status == 0) record.status = 499;
    if (source) {
        record.provider = source->provider;
        record.upstream_model = source->model;
    }
}

// Everything that can be said now, as frames.
bool gather(streams::StreamLog::Reader& reader, dialects::StreamEncoder& encoder,
            std::string& frames) {
    bool any = false;
    while (const chat::ChatEvent* const event = reader.next()) {
        encoder.event(*event, frames);
        any = true;
    }
    return any;
}

} // namespace

net::Task<void> relay_stream(RelayInput input, Responder responder,
                             std::unique_ptr<dialects::StreamEncoder> encoder) {
    record::Record& record = responder.record();
    streams::StreamLog& log = input.generation.log();
    Place place(input.exchange, input.generation);
    std::string frames;

    // Pending: nothing has been sent, so a failure is still a status.
    place.timer.arm(limits::open_time);
    while (!gather(*place.reader, *encoder, frames)) {
        if (const auto* const ending = place.reader->ending()) {
            write_ending(record, *ending, log.source());
            Error error = ending->error.value_or(Error(Errc::stream_truncated));
            co_await std::move(responder).reject(std::move(error));
            co_return;
        }
        if (input.exchange.client_left()) {
            note_left(record, log.source());
            input.exchange.reset();
            co_return;
        }
        if (place.timer_fired) break;
        co_await place.wake.wait();
    }

    // Opened: from here on there is no status left; a failure is an error frame.
    if (frames.empty()) frames = wire::heartbeat;
    else record.first_event = input.clock.steady() - input.started;
    add_source(responder, log.source());
    Responder::Frames out = std::move(responder).stream();
    while (true) {
        const streams::Ending* const ending = place.reader->ending();
        if (ending != nullptr) {
            write_ending(record, *ending, log.source());
            if (ending->error) encoder->fail(*ending->error, frames);
            else encoder->close(closing_of(*ending, log.source()), frames);
        }
        const bool written = co_await out.write(frames);
        frames.clear();
        if (!written || (ending == nullptr && input.exchange.client_left())) {
            if (ending == nullptr) note_left(record, log.source());
            input.exchange.reset();
            co_return;
        }
        if (ending != nullptr) {
            if (ending->error) co_await out.finish_broken();
            else co_await out.finish();
            co_return;
        }
        place.timer_fired = false;
        place.timer.arm(limits::heartbeat_time);
        while (!gather(*place.reader, *encoder, frames) && place.reader->ending() == nullptr) {
            if (input.exchange.client_left()) break;
            if (place.timer_fired) {
                frames = wire::heartbeat;
                break;
            }
            // An idle stream keeps no buffer.
            if (frames.capacity() > 512) std::string().swap(frames);
            co_await place.wake.wait();
        }
        if (record.first_event.count() == 0 && !frames.empty() && frames != wire::heartbeat)
            record.first_event = input.clock.steady() - input.started;
    }
}

net::Task<void> relay_whole(RelayInput input, Responder responder,
                            std::unique_ptr<dialects::WholeEncoder> encoder,
                            std::function<std::string()> quota_json) {
    record::Record& record = responder.record();
    streams::StreamLog& log = input.generation.log();
    Place place(input.exchange, input.generation);
    while (true) {
        while (const chat::ChatEvent* const event = place.reader->next()) {
            if (record.first_event.count() == 0)
                record.first_event = input.clock.steady() - input.started;
            encoder->event(*event);
        }
        const streams::Ending* const ending = place.reader->ending();
        if (ending != nullptr && ending->error) {
            write_ending(record, *ending, log.source());
            Error error = *ending->error;
            co_await std::move(responder).reject(std::move(error));
            co_return;
        }
        if (ending != nullptr) {
            write_ending(record, *ending, log.source());
            add_source(responder, log.source());
            responder.add_header("x-weir-cost-usd", dialects::dollars(ending->nanousd));
            net::Response response;
            response.body = encoder->close(closing_of(*ending, log.source()), quota_json);
            co_await std::move(responder).send(std::move(response));
            co_return;
        }
        if (input.exchange.client_left()) {
            note_left(record, log.source());
            input.exchange.reset();
            co_return;
        }
        co_await place.wake.wait();
    }
}

} // namespace weir::gateway
