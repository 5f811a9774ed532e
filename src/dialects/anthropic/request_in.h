#pragma once
// A request of Anthropic's Messages API as a chat request. What the chat form has no words for goes
// along in its own form, for providers of that dialect, and is named for all others.

#include "chat/chat_request.h"

namespace weir::dialects {

// Either version (2023-06-01, 2026-10-21). Errors: as chat::parse(), with paths of this form.
Result<chat::ChatRequest> parse_messages(std::string_view body);

// The same for count_tokens, which names no bound.
Result<chat::ChatRequest> parse_messages_to_count(std::string_view body);

} // namespace weir::dialects
