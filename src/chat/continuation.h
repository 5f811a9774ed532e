#pragma once
// Going on with an answer that broke off: how the rest is asked for, and how its beginning is
// joined to what was said.

#include "chat/chat_request.h"

#include <optional>
#include <string>
#include <string_view>

namespace weir::chat {

// Whether the rest of an answer to it can be asked for: one choice, of text alone.
bool can_be_continued(const ChatRequest& request);

// The same question, with what was said as the assistant's last words and the wish to go on from
// there. `tokens_said` is taken off the bound that the client named.
// Errors: invalid_json where the whole is more than a request may be.
Result<ChatRequest> ask_for_rest(const ChatRequest& request, std::string_view said,
                                 std::int64_t tokens_said);

// Models repeat some of what they were shown: the beginning of the rest is held back until it is
// known how much of it was said before.
class Seam {
public:
    explicit Seam(std::string_view said);
    // What `text` adds to what was said; empty while that is not known yet.
    std::string join(std::string_view text);
    // What is held back, at the end.
    std::string finish();

private:
    std::string tail_; // the end of what was said
    std::string held_;
    bool joined_ = false;
};

} // namespace weir::chat
