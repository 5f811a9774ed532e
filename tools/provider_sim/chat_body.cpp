#include "chat_body.h"

namespace sim {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;

struct Text {
    std::uint64_t bytes = 0;
    std::string_view last;
};

Text text_of(element content) {
    Text text;
    if (std::string_view whole; content.get(whole) == simdjson::SUCCESS)
        return {whole.size(), whole};
    array parts;
    if (content.get(parts) != simdjson::SUCCESS) return text;
    for (const element part : parts) {
        std::string_view piece;
        if (part["text"].get(piece) != simdjson::SUCCESS) continue;
        text.bytes += piece.size();
        text.last = piece;
    }
    return text;
}

void read_messages(array messages, ChatBody& body) {
    for (const element message : messages) {
        element content;
        if (message["content"].get(content) != simdjson::SUCCESS) continue;
        const Text text = text_of(content);
        body.text_bytes += text.bytes;
        std::string_view role;
        if (message["role"].get(role) == simdjson::SUCCESS && role == "user") {
            body.last_user_text = text.last;
        }
    }
}

} // namespace

std::expected<ChatBody, std::string> read_chat_body(simdjson::dom::parser& parser,
                                                    std::string_view json) {
    element root;
    if (parser.parse(json.data(), json.size(), false).get(root) != simdjson::SUCCESS) {
        return std::unexpected("The body is not JSON.");
    }
    ChatBody body;
    if (root["model"].get(body.model) != simdjson::SUCCESS) {
        return std::unexpected("`model` is missing or no string.");
    }
    array messages;
    if (root["messages"].get(messages) != simdjson::SUCCESS) {
        return std::unexpected("`messages` is missing or no array.");
    }
    read_messages(messages, body);
    bool stream = false;
    if (root["stream"].get(stream) == simdjson::SUCCESS && stream) {
        body.delivery = Delivery::streamed;
    }
    // A missing field leaves the default in place.
    (void)root["stream_options"]["include_usage"].get(body.include_usage);
    for (const char* name : {"max_tokens", "max_completion_tokens"}) {
        std::uint64_t limit = 0;
        if (root[name].get(limit) == simdjson::SUCCESS) body.max_tokens = limit;
    }
    return body;
}

} // namespace sim
