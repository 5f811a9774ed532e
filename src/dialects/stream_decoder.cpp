#include "dialects/stream_decoder.h"

#include "base/limits.h"
#include "base/text.h"

namespace weir::dialects {
namespace {

std::unexpected<Error> too_large() {
    return refuse(Error(Errc::upstream_malformed).because("an event is larger than allowed"));
}

// An error that was told in the place of an answer is judged by all that it says.
Result<void> with_words(Result<void> decoded, std::string_view words) {
    if (decoded || decoded.error().code() != Errc::upstream_error) return decoded;
    std::string told(words.substr(0, limits::upstream_error_bytes));
    return refuse(std::move(decoded).error().told(std::move(told)));
}

} // namespace

Result<void> EventStreamDecoder::feed(std::string_view bytes, std::vector<chat::ChatEvent>& out) {
    wire::SseEvent event;
    while (events_.next(bytes, event)) {
        WEIR_CHECK(with_words(decode(event, out), event.data));
        if (done_) return {};
    }
    if (events_.overflowed()) return too_large();
    return {};
}

Result<void> LineStreamDecoder::feed(std::string_view bytes, std::vector<chat::ChatEvent>& out) {
    while (!bytes.empty() && !done_) {
        const std::size_t end = bytes.find('\n');
        const std::string_view piece = bytes.substr(0, end);
        if (line_.size() + piece.size() > line_bytes_max_) return too_large();
        if (end == std::string_view::npos) {
            line_ += piece;
            return {};
        }
        bytes.remove_prefix(end + 1);
        std::string_view line = piece;
        if (!line_.empty()) line = line_ += piece;
        line = trim(line.ends_with('\r') ? line.substr(0, line.size() - 1) : line);
        if (!line.empty()) WEIR_CHECK(with_words(decode(line, out), line));
        line_.clear();
    }
    return {};
}

Result<void> LineStreamDecoder::end(std::vector<chat::ChatEvent>& out) {
    const std::string line = std::exchange(line_, {});
    if (trim(line).empty() || done_) return {};
    return with_words(decode(trim(line), out), trim(line));
}

} // namespace weir::dialects
