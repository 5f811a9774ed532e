#pragma once
// The built-in demo: answers without any model and says so, so that everything can be tried before
// a provider is configured.

#include "chat/chat_event.h"
#include "chat/chat_request.h"

#include <vector>

namespace weir::dialects {

// The whole answer as events, in pieces of about a word. `now` is in seconds since 1970.
std::vector<chat::ChatEvent> demo_answer(const chat::ChatRequest& request, std::int64_t now);

} // namespace weir::dialects
