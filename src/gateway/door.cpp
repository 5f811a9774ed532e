#include "gateway/door.h"

#include "dialects/anthropic/request_in.h"

namespace weir::gateway {

const Door& openai_chat_door() {
    static constexpr Door door{
        "openai",
        dialects::Shape::openai,
        chat::parse,
        dialects::openai_stream_encoder,
        dialects::openai_whole_encoder,
    };
    return door;
}

const Door& messages_door() {
    static constexpr Door door{
        "anthropic",
        dialects::Shape::anthropic,
        dialects::parse_messages,
        dialects::anthropic_stream_encoder,
        dialects::anthropic_whole_encoder,
    };
    return door;
}

const Door& plain_chat_door() {
    static constexpr Door door{
        "weir",
        dialects::Shape::openai,
        chat::parse_prompt,
        [](chat::UsageWish, std::string) { return dialects::plain_stream_encoder(); },
        dialects::plain_whole_encoder,
    };
    return door;
}

const Door* find_door(std::string_view name) {
    for (const Door* const door : {&openai_chat_door(), &messages_door(), &plain_chat_door()})
        if (door->name == name) return door;
    return nullptr;
}

} // namespace weir::gateway
