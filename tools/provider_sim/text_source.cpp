#include "text_source.h"

#include <algorithm>
#include <limits>

#include "json_text.h"

namespace sim {
namespace {

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

} // namespace

TextSource::TextSource(const Script& script, const Prompt& prompt)
    : script_(script),
      echo_(script.echo ? prompt.echo : std::string()),
      token_limit_(script.obey && prompt.max_tokens ? *prompt.max_tokens
                                                    : std::numeric_limits<std::uint64_t>::max()) {
    look_ahead();
}

// Never cuts a character in two.
std::string_view TextSource::next_echo() const {
    const std::string_view rest = std::string_view(echo_).substr(echo_at_);
    std::size_t end = std::min<std::size_t>(std::max(script_.size, 1U), rest.size());
    while (end < rest.size() && continues_character(rest[end])) ++end;
    return rest.substr(0, end);
}

std::size_t TextSource::next_bytes() const {
    return script_.echo ? next_echo().size() : chunk_bytes(script_.shape(), written_);
}

void TextSource::look_ahead() {
    done_ = script_.echo ? echo_at_ == echo_.size() : written_ >= script_.chunks;
    if (!done_ && tokens_ + tokens_of(next_bytes()) > token_limit_) done_ = cut_short_ = true;
}

std::uint64_t TextSource::append_next(std::string& json, std::uint64_t stamp_ns) {
    const std::uint64_t tokens = tokens_of(next_bytes());
    if (script_.echo) {
        const std::string_view piece = next_echo();
        append_escaped(json, piece);
        echo_at_ += piece.size();
    } else {
        append_chunk(json, script_.shape(), written_, stamp_ns);
    }
    ++written_;
    tokens_ += tokens;
    look_ahead();
    return tokens;
}

} // namespace sim
