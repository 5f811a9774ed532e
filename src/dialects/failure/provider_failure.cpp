#include "dialects/failure/provider_failure.h"

#include "base/text.h"
#include "dialects/failure/failure_reading.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace weir::dialects {
namespace {

bool mentions(std::string_view text, std::span<const std::string_view> words) {
    return std::ranges::any_of(words, [&](std::string_view word) { return text.contains(word); });
}

// Such a verdict takes a key away. So it is believed of what the provider says of itself alone, and
// not of words that a client may have put there: an error that names a field repeats them.
bool retires(FailureClass kind) {
    return kind == FailureClass::billing || kind == FailureClass::auth;
}

// What the client may have written: its own bytes in lower case.
class Sent {
public:
    explicit Sent(std::string_view body) : body_(body) {}
    bool may_hold(std::string_view word) {
        if (lower_.empty() && !body_.empty()) {
            std::ranges::transform(body_, std::back_inserter(lower_), to_lower);
            // An escaped letter could hide any word.
            for (std::size_t at = lower_.find("\\u00"); at != std::string::npos && !hidden_;
                 at = lower_.find("\\u00", at + 1))
                hidden_ = at + 4 < lower_.size() && lower_[at + 4] >= '2' && lower_[at + 4] <= '7';
        }
        return hidden_ || lower_.contains(word);
    }

private:
    std::string_view body_;
    std::string lower_;
    bool hidden_ = false;
};

bool says_itself(std::string_view text, std::span<const std::string_view> words, Sent& sent) {
    return std::ranges::any_of(
        words, [&](std::string_view word) { return text.contains(word) && !sent.may_hold(word); });
}

bool fits(const FailureRule& rule, int status, const FailureReading& read, Sent& sent) {
    if (!rule.statuses.empty() && std::ranges::find(rule.statuses, status) == rule.statuses.end())
        return false;
    const bool own = retires(rule.kind);
    if (!rule.kinds.empty() && !mentions(read.kinds, rule.kinds) &&
        (own || !mentions(read.passed_on_kinds, rule.kinds)))
        return false;
    if (rule.words.empty()) return true;
    if (own) return !read.names_a_field && says_itself(read.words, rule.words, sent);
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

ProviderFailure classify_failure(int status, std::string_view body, const RetryHeaders& headers,
                                 std::string_view sent_body) {
    Sent sent(sent_body);
    const FailureReading read = read_failure(body);
    if (status == 200 && read.status != 0) status = read.status;
    ProviderFailure out;
    out.message = read.message;
    out.retry_after = wait_asked_for(read, headers);
    for (const FailureRule& rule : failure_rules()) {
        if (!fits(rule, status, read, sent)) continue;
        out.kind = rule.kind;
        break;
    }
    return out;
}

} // namespace weir::dialects
