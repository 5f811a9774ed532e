#include "gateway/door.h"

namespace weir::gateway {

const Door& openai_chat_door() {
    static constexpr Door door{
        dialects::Shape::openai,
        chat::parse,
        [](const chat::ChatRequest& request, std::string id) {
            return dialects::openai_stream_encoder(request.usage_wish(), std::move(id));
        },
        [](const chat::ChatRequest&, std::string id) {
            return dialects::openai_whole_encoder(std::move(id));
        },
    };
    return door;
}

const Door& plain_chat_door() {
    static constexpr Door door{
        dialects::Shape::openai,
        chat::parse_prompt,
        [](const chat::ChatRequest&, std::string) { return dialects::plain_stream_encoder(); },
        [](const chat::ChatRequest&, std::string id) {
            return dialects::plain_whole_encoder(std::move(id));
        },
    };
    return door;
}

} // namespace weir::gateway
