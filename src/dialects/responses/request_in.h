#pragma once
// A request of OpenAI's Responses API as a chat request. What the chat form has no words for is
// named.

#include "chat/chat_request.h"

#include <string>
#include <string_view>
#include <vector>

namespace weir::dialects {

// The body with the items of an earlier talk before its input, and with items that it only refers
// to in their place. Both are lists of items as JSON, without brackets.
class EarlierItems {
public:
    virtual ~EarlierItems() = default;
    virtual const std::string& talk() const = 0;
    // The item of that id, or empty.
    virtual std::string item(std::string_view id) const = 0;
};
// Errors: as chat::parse().
Result<chat::ChatRequest> parse_responses(std::string_view body);

// What the body says of itself, before it is read as a whole.
struct ResponsesNeeds {
    std::string previous;           // previous_response_id, or empty
    std::vector<std::string> items; // the ids that it refers to
};
// Nothing where the body is damaged: that is told when it is read.
ResponsesNeeds needs_of(std::string_view body);
// The body with what it needs put into it.
std::string with_earlier(std::string_view body, const EarlierItems& earlier);

// The items of a body's input, as JSON without brackets: what is kept for the next turn.
std::string input_items(std::string_view body);

struct ResponsesWishes {
    bool store = true;
    bool background = false;
};
ResponsesWishes wishes_of(std::string_view body);

} // namespace weir::dialects
