#include "endpoints/stream_doors.h"

#include "base/text.h"
#include "gateway/door.h"
#include "gateway/relay.h"
#include "gateway/serve_chat.h"
#include "json/writer.h"

#include <fmt/core.h>

namespace weir::endpoints {
namespace {

struct Found {
    Caller caller;
    std::shared_ptr<streams::StreamLog> log;
};

// The caller's own stream. Errors: stream_not_found, also where it is someone else's.
Result<Found> find(Context& context) {
    WEIR_CHECK(context.parts.gate.admit_address(context.exchange.client()));
    WEIR_TRY(Caller caller, gateway::identify(context.parts, context.exchange));
    context.record.key = caller.key->public_id;
    context.record.user = caller.key->owner;
    auto log = context.parts.streams.find(context.rest, caller.user);
    if (!log) return refuse(Errc::stream_not_found);
    return Found{std::move(caller), std::move(log)};
}

// `after` in the query, else what an EventSource sends when it connects again.
Result<std::uint64_t> after_of(const wire::RequestHead& head) {
    auto given = head.query_value("after");
    if (!given) given = head.find("last-event-id");
    if (!given || given->empty()) return 0;
    if (const auto number = parse_decimal(*given)) return *number;
    return refuse(
        Error(Errc::invalid_value, "after: the number of the last event seen is expected.")
            .at("after"));
}

struct Joined {
    limits::Admission admission; // held while the client reads
    std::shared_ptr<streams::StreamLog> log;
    const gateway::Door* door;
    std::uint64_t after;
};

Result<Joined> judge(Context& context) {
    WEIR_TRY(Found found, find(context));
    WEIR_TRY(const std::uint64_t after, after_of(context.exchange.head()));
    const std::string_view format =
        context.exchange.head().query_value("format").value_or(found.log->begun().door);
    const gateway::Door* const door = gateway::find_door(format);
    if (door == nullptr)
        return refuse(Error(Errc::invalid_value,
                            "format: 'openai', 'anthropic', 'responses' or 'weir' is expected.")
                          .at("format"));
    limits::Admission admission = context.parts.gate.admit(found.caller);
    if (admission.refusal) return std::unexpected(*std::move(admission.refusal));
    return Joined{std::move(admission), std::move(found.log), door, after};
}

} // namespace

net::Task<void> join_stream(Context& context) {
    gateway::Responder responder = context.responder();
    auto joined = judge(context);
    if (!joined) co_return co_await std::move(responder).reject(std::move(joined).error());
    const streams::Begun& begun = joined->log->begun();
    responder.add_header("x-weir-stream-id", begun.id);
    context.record.streamed = true;
    gateway::Joining joining;
    joining.after = joined->after;
    joining.numbers = gateway::Joining::Numbers::shown;
    auto encoder = joined->door->stream(begun);
    const gateway::RelayInput input{context.exchange, joined->log, context.parts.clock,
                                    context.parts.clock.steady()};
    co_await gateway::relay_stream(input, std::move(responder), std::move(encoder), joining);
}

net::Task<void> stop_stream(Context& context) {
    gateway::Responder responder = context.responder();
    auto found = find(context);
    if (!found) co_return co_await std::move(responder).reject(std::move(found).error());
    const streams::StreamLog& log = *found->log;
    const bool ended = log.ended();
    // Others who asked the same read on; the owner only has to hang up.
    const bool shared =
        log.begun().audience == streams::Begun::Audience::all_who_ask && log.listening() > 1;
    if (!ended && !shared) found->log->ask_to_stop(Errc::stream_cancelled);
    net::Response response;
    json::Writer writer(response.body);
    writer.begin_object().member("id", context.rest);
    writer.member("state", ended ? "ended" : shared ? "shared" : "cancelled").end_object();
    co_await std::move(responder).send(std::move(response));
}

} // namespace weir::endpoints
