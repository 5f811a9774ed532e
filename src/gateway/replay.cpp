#include "gateway/replay.h"

#include "base/limits.h"
#include "dialects/answer_encoder.h"
#include "dialects/openai/answer.h"
#include "gateway/door.h"

#include <algorithm>

namespace weir::gateway {
namespace {

// Whether its client knows it by a name of ours, under which it can be found again.
bool is_named_here(const streams::Begun& begun) {
    const Door* const door = find_door(begun.door);
    return door != nullptr && door->memory == Door::Memory::responses;
}

} // namespace

streams::StoredAnswer put_away(const std::shared_ptr<streams::StreamLog>& log, net::Loop& loop,
                               const streams::Ending& ending) {
    streams::StoredAnswer out;
    out.ending = ending;
    // What is stored is an answer in OpenAI's dialect.
    if (ending.usage_native != chat::Native::openai) out.ending.usage_raw.clear();
    if (const auto source = log->source()) out.source = *source;
    const auto encoder =
        dialects::openai_stream_encoder(chat::UsageWish::quiet, log->begun().answer_id);
    net::Signal unheard(loop);
    streams::StreamLog::Reader reader(log, loop, unheard);
    while (const chat::ChatEvent* const event = reader.next()) {
        const auto* const started = std::get_if<chat::Started>(event);
        if (started == nullptr || !is_named_here(log->begun())) {
            encoder->event(*event, out.frames);
            continue;
        }
        chat::Started named = *started;
        named.id = log->begun().answer_id;
        encoder->event(named, out.frames);
    }
    if (reader.was_cut() || out.frames.size() > limits::idempotency_answer_bytes) {
        out.size = streams::StoredAnswer::Size::too_large;
        out.frames.clear();
    }
    return out;
}

std::shared_ptr<streams::StreamLog> revive(Parts& parts, net::Loop& loop,
                                           streams::StoredAnswer stored) {
    dialects::OpenAiStreamDecoder decoder(2 * limits::idempotency_answer_bytes);
    std::vector<chat::ChatEvent> events;
    const bool damaged = !decoder.feed(stored.frames, events);
    streams::Begun begun;
    if (const auto* const e = events.empty() ? nullptr : std::get_if<chat::Started>(&events[0]))
        begun.answer_id = e->id;
    auto log = parts.streams.open(loop, std::move(begun));
    for (chat::ChatEvent& event : events) log->append(std::move(event));
    log->set_source(std::move(stored.source));
    if (stored.ending.outcome != streams::Outcome::complete)
        stored.ending.error = Error(Errc::stream_cancelled);
    if (damaged) stored.ending.error = Error(Errc::internal).because("a stored answer is damaged");
    log->end(std::move(stored.ending));
    parts.streams.ended(*log);
    return log;
}

Result<std::optional<streams::IdempotencyKey>>
idempotency_key_of(const wire::RequestHead& head, const Caller& caller, std::string_view door,
                   const chat::ChatRequest& request) {
    const auto given = head.find("idempotency-key");
    if (!given) return std::nullopt;
    const bool usable = !given->empty() && given->size() <= limits::idempotency_key_bytes &&
                        std::ranges::all_of(*given, [](char c) { return c >= 0x20 && c < 0x7f; });
    if (!usable) {
        return refuse(Error(Errc::invalid_value,
                            "Idempotency-Key: 1 to 255 printable ASCII characters are expected.")
                          .at("Idempotency-Key"));
    }
    const std::string asked = std::string(door) + "\n" + request.canonical();
    return streams::IdempotencyKey{caller.key->id, std::string(*given), keyed_digest("", asked)};
}

} // namespace weir::gateway
