#include "gateway/door.h"

#include "dialects/anthropic/request_in.h"
#include "dialects/openai/embeddings.h"
#include "dialects/responses/encoder.h"
#include "dialects/responses/request_in.h"

namespace weir::gateway {

using streams::Begun;

const Door& openai_chat_door() {
    static constexpr Door door{
        .name = "openai",
        .shape = dialects::Shape::openai,
        .parse = chat::parse,
        .stream =
            [](const Begun& b) { return dialects::openai_stream_encoder(b.usage, b.answer_id); },
        .whole = [](const Begun& b) { return dialects::openai_whole_encoder(b.answer_id); },
        .answer_prefix = "chatcmpl-",
    };
    return door;
}

const Door& messages_door() {
    static constexpr Door door{
        .name = "anthropic",
        .shape = dialects::Shape::anthropic,
        .parse = dialects::parse_messages,
        .stream =
            [](const Begun& b) { return dialects::anthropic_stream_encoder(b.usage, b.answer_id); },
        .whole = [](const Begun& b) { return dialects::anthropic_whole_encoder(b.answer_id); },
        .answer_prefix = "msg_",
    };
    return door;
}

const Door& responses_door() {
    static constexpr Door door{
        .name = "responses",
        .shape = dialects::Shape::openai,
        .parse = dialects::parse_responses,
        .stream =
            [](const Begun& b) {
                return dialects::responses_stream_encoder({b.answer_id, b.echo}, std::nullopt);
            },
        .whole = [](const Begun& b) -> std::unique_ptr<dialects::WholeEncoder> {
            return dialects::responses_whole_encoder({b.answer_id, b.echo});
        },
        .answer_prefix = "resp_",
        .memory = Door::Memory::responses,
    };
    return door;
}

const Door& embeddings_door() {
    static constexpr Door door{
        .name = "embeddings",
        .shape = dialects::Shape::openai,
        .parse = chat::parse_embeddings,
        .stream = // nobody can ask for one
        [](const Begun& b) { return dialects::openai_stream_encoder(b.usage, b.answer_id); },
        .whole = [](const Begun&) { return dialects::embeddings_whole_encoder(); },
        .answer_prefix = "embd-",
    };
    return door;
}

const Door& plain_chat_door() {
    static constexpr Door door{
        .name = "weir",
        .shape = dialects::Shape::openai,
        .parse = chat::parse_prompt,
        .stream = [](const Begun&) { return dialects::plain_stream_encoder(); },
        .whole = [](const Begun& b) { return dialects::plain_whole_encoder(b.answer_id); },
        .answer_prefix = "chatcmpl-",
    };
    return door;
}

const Door* find_door(std::string_view name) {
    for (const Door* const door :
         {&openai_chat_door(), &messages_door(), &responses_door(), &plain_chat_door()})
        if (door->name == name) return door;
    return nullptr;
}

} // namespace weir::gateway
