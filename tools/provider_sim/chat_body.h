// What the simulator needs from the body of a chat request. Loose on purpose: it takes what it
// finds and ignores the rest.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include <simdjson.h>

namespace sim {

enum class Delivery { whole, streamed };

struct ChatBody {
    std::string_view model;
    std::string_view last_user_text;
    Delivery delivery = Delivery::whole;
    bool include_usage = false;
    std::uint64_t text_bytes = 0; // of all messages
    std::optional<std::uint64_t> max_tokens;
};

// Requires: simdjson's padding behind `json`. Lifetime: the views live until the parser's next use.
// Errors: one line for the error body.
std::expected<ChatBody, std::string> read_chat_body(simdjson::dom::parser& parser,
                                                    std::string_view json);

} // namespace sim
