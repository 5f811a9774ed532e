// Whatever a provider fails with: a class, words that may be shown and a wait that can be waited.
// The first line is the status, the next two are the headers, `-` where there is none.

#include "base/text.h"
#include "dialects/failure/provider_failure.h"

#include <cstdint>
#include <cstdlib>

namespace {

using weir::dialects::classify_failure;
using weir::dialects::FailureClass;
using weir::dialects::ProviderFailure;

void require(bool condition) {
    if (!condition) std::abort();
}

std::string_view take_line(std::string_view& text) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    return line;
}

std::optional<std::string_view> header(std::string_view line) {
    return line == "-" ? std::nullopt : std::optional(line);
}

void check(const ProviderFailure& failure) {
    require(failure.kind <= FailureClass::transient && !name(failure.kind).empty());
    require(failure.message.size() <= 512 && weir::is_utf8(failure.message));
    if (failure.retry_after) require(failure.retry_after->count() >= 0);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto number = weir::parse_decimal(take_line(text)).value_or(500);
    const int status = static_cast<int>(number % 600);
    const auto after = header(take_line(text));
    const auto after_ms = header(take_line(text));
    const std::string body(text); // a copy of its own, so that nothing is read beside it
    const ProviderFailure failure = classify_failure(status, body, {after, after_ms});
    check(failure);
    // A header that is no number asks for nothing, and words do not speak for it.
    const ProviderFailure vague = classify_failure(status, body, {"soon", std::nullopt});
    check(vague);
    require(!vague.retry_after && vague.kind == failure.kind);
    require(vague.message == failure.message);
    return 0;
}
