#include "endpoints/response_doors.h"

#include "base/text.h"
#include "dialects/responses/encoder.h"
#include "gateway/relay.h"
#include "gateway/responses.h"
#include "gateway/serve_chat.h"
#include "json/document.h"
#include "json/writer.h"

#include <fmt/core.h>

namespace weir::endpoints {
namespace {

constexpr std::string_view cancel_suffix = "/cancel";

Result<Caller> let_in(Context& context) {
    WEIR_CHECK(context.parts.gate.admit_address(context.exchange.client()));
    WEIR_TRY(Caller caller, gateway::identify(context.parts, context.exchange));
    context.record.key = caller.key->public_id;
    context.record.user = caller.key->owner;
    return caller;
}

Error not_there(std::string_view id) {
    return Error(Errc::not_found, fmt::format("Response with id '{}' not found.", clip(id, 64)));
}

// The log of an answer that is being made, or was not long ago; null where there is none.
std::shared_ptr<streams::StreamLog> log_of(Context& context, const Caller& caller,
                                           std::string_view id) {
    const std::string stream = gateway::stream_of(id);
    return stream.empty() ? nullptr : context.parts.streams.find(stream, caller.user);
}

WEIR_OWN_FRAME net::Task<Result<std::string>> body_of(Context& context, Caller caller,
                                                      std::string id) {
    if (const auto log = log_of(context, caller, id); log && !log->ended())
        co_return gateway::object_so_far(log, context.exchange.loop());
    CO_TRY(auto stored, co_await context.parts.responses.find_response(context.exchange.loop(),
                                                                       caller.user, id));
    if (!stored) co_return std::unexpected(not_there(id));
    co_return std::move(stored->body);
}

// Where the reader goes on: after the event of that sequence number.
Result<std::optional<std::int64_t>> starting_after(const wire::RequestHead& head) {
    const auto given = head.query_value("starting_after");
    if (!given || given->empty()) return std::nullopt;
    const auto number = parse_decimal(*given);
    if (!number || *number > 1'000'000'000)
        return refuse(Error(Errc::invalid_value, "starting_after: the sequence_number of the last "
                                                 "event seen is expected.")
                          .at("starting_after"));
    return static_cast<std::int64_t>(*number);
}

net::Task<void> send_json(gateway::Responder responder, std::string body) {
    net::Response response;
    response.body = std::move(body);
    co_await std::move(responder).send(std::move(response));
}

WEIR_OWN_FRAME net::Task<void> follow(Context& context, Caller caller,
                                      gateway::Responder responder) {
    auto after = starting_after(context.exchange.head());
    if (!after) co_return co_await std::move(responder).reject(std::move(after).error());
    const auto log = log_of(context, caller, context.rest);
    if (!log) {
        Error gone(Errc::not_found, "The events of this response are not kept any more; read it "
                                    "without stream=true.");
        co_return co_await std::move(responder).reject(std::move(gone));
    }
    limits::Admission admission = context.parts.gate.admit(caller);
    if (admission.refusal)
        co_return co_await std::move(responder).reject(*std::move(admission.refusal));
    context.record.streamed = true;
    auto encoder =
        dialects::responses_stream_encoder({log->begun().answer_id, log->begun().echo}, *after);
    gateway::RelayInput input{context.exchange, log, context.parts.clock,
                              context.parts.clock.steady()};
    auto relayed = gateway::relay_stream(input, std::move(responder), std::move(encoder));
    co_await relayed;
}

} // namespace

net::Task<void> create_response(Context& context) {
    return gateway::serve_chat(context.parts, context.mine, context.exchange,
                               gateway::responses_door(), context.record);
}

net::Task<void> get_response(Context& context) {
    gateway::Responder responder = context.responder();
    auto caller = let_in(context);
    if (!caller) co_return co_await std::move(responder).reject(std::move(caller).error());
    if (context.exchange.head().query_value("stream") == "true") {
        auto followed = follow(context, *std::move(caller), std::move(responder));
        co_return co_await followed;
    }
    auto body = co_await body_of(context, *std::move(caller), context.rest);
    if (!body) co_return co_await std::move(responder).reject(std::move(body).error());
    co_await send_json(std::move(responder), *std::move(body));
}

net::Task<void> delete_response(Context& context) {
    gateway::Responder responder = context.responder();
    auto caller = let_in(context);
    if (!caller) co_return co_await std::move(responder).reject(std::move(caller).error());
    auto dropped = co_await context.parts.responses.drop_response(context.exchange.loop(),
                                                                  caller->user, context.rest);
    if (dropped && !*dropped) dropped = std::unexpected(not_there(context.rest));
    if (!dropped) co_return co_await std::move(responder).reject(std::move(dropped).error());
    // Its events go with it.
    context.parts.streams.forget(gateway::stream_of(context.rest), caller->user);
    std::string body;
    json::Writer writer(body);
    writer.begin_object().member("id", context.rest).member("object", "response");
    writer.key("deleted").boolean(true).end_object();
    co_await send_json(std::move(responder), std::move(body));
}

net::Task<void> cancel_response(Context& context) {
    gateway::Responder responder = context.responder();
    if (!context.rest.ends_with(cancel_suffix))
        co_return co_await std::move(responder).reject(Errc::not_found);
    auto caller = let_in(context);
    if (!caller) co_return co_await std::move(responder).reject(std::move(caller).error());
    const std::string id = context.rest.substr(0, context.rest.size() - cancel_suffix.size());
    if (const auto log = log_of(context, *caller, id); log && !log->ended()) {
        const auto echo = json::Document::parse(log->begun().echo);
        const auto background = echo ? echo->root().find("background") : std::nullopt;
        if (!background || !background->boolean()) {
            Error only(Errc::invalid_value, "Only a response that was created with "
                                            "background=true can be cancelled.");
            co_return co_await std::move(responder).reject(std::move(only));
        }
        log->ask_to_stop(Errc::stream_cancelled);
        // It ends on its own thread; until then this says what it will.
        net::Signal wake(context.exchange.loop());
        streams::StreamLog::Reader look(log, context.exchange.loop(), wake, 0,
                                        streams::StreamLog::Presence::looks);
        while (look.look() == nullptr) co_await wake.wait();
    }
    auto body = co_await body_of(context, *std::move(caller), id);
    if (!body) co_return co_await std::move(responder).reject(std::move(body).error());
    co_await send_json(std::move(responder), *std::move(body));
}

} // namespace weir::endpoints
