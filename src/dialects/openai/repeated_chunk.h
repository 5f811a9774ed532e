#pragma once
// Most chunks of a stream are the one before with other text in it. A chunk that was read once is
// kept as a mould: the next whose bytes are the same around one plain JSON string says the same
// thing with that string, and is valid where the first one was. So it need not be parsed again,
// which is most of what a chunk costs.
// The mould only knows strings without escapes; whatever does not fit is left to the parser.

#include "chat/chat_event.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace weir::dialects {

class RepeatedChunk {
public:
    // What `data` says, where it fits the mould; nullopt where it has to be parsed.
    std::optional<chat::TextDelta> read(std::string_view data) const;

    // `data` was parsed and says just `event`, whose text stands in `data` from `at` on, as it is
    // written there; nothing is kept where it is written otherwise.
    void keep(std::string_view data, std::size_t at, const chat::TextDelta& event);

private:
    std::string mould_;  // the chunk without its text
    std::size_t at_ = 0; // where in it the text stood; 0: there is none yet
    // What goes with every text.
    std::uint32_t choice_ = 0;
    chat::Extensions extensions_;
};

} // namespace weir::dialects
