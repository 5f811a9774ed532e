#include "dialects/provider_failure.h"

#include "base/text.h"
#include "dialects/failure_reading.h"

#include <algorithm>
#include <array>

namespace weir::dialects {
namespace {

constexpr std::size_t message_bytes = 512;

bool mentions(std::string_view text, std::span<const std::string_view> words) {
    return std::ranges::any_of(words, [&](std::string_view word) { return text.contains(word); });
}

// Such a verdict takes a key away. So it is believed of what the provider says of itself alone, and
// not of words that a client may have put there: an error that names a field repeats them.
bool retires(FailureClass kind) {
    return kind == FailureClass::billing || kind == FailureClass::auth;
}

bool fits(const FailureRule& rule, int status, const FailureReading& read) {
    if (!rule.statuses.empty() && std::ranges::find(rule.statuses, status) == rule.statuses.end())
        return false;
    const bool own = retires(rule.kind);
    if (!rule.kinds.empty() && !mentions(read.kinds, rule.kinds) &&
        (own || !mentions(read.passed_on_kinds, rule.kinds)))
        return false;
    if (rule.words.empty()) return true;
    if (own) return !read.names_a_field && mentions(read.words, rule.words);
    return mentions(read.words, rule.words) || mentions(read.passed_on_words, rule.words);
}

} // namespace

std::string_view name(FailureClass kind) {
    constexpr std::array<std::string_view, 9> names{"rate",   "capacity", "billing",
                                                    "auth",   "access",   "context",
                                                    "policy", "request",  "transient"};
    return names[static_cast<std::size_t>(kind)];
}

bool is_the_clients(FailureClass kind) {
    return kind == FailureClass::context || kind == FailureClass::policy ||
           kind == FailureClass::request;
}

ProviderFailure classify_failure(int status, std::string_view body, const RetryHeaders& headers) {
    const FailureReading read = read_failure(body);
    if (status == 200 && read.status != 0) status = read.status;
    ProviderFailure out;
    out.message = clip(read.message, message_bytes);
    out.retry_after = wait_asked_for(read, headers);
    for (const FailureRule& rule : failure_rules()) {
        if (!fits(rule, status, read)) continue;
        out.kind = rule.kind;
        break;
    }
    return out;
}

} // namespace weir::dialects
