#pragma once
// What a provider's error response means for the key, the target and the client. Decided by the
// codes and types in the body first, then by a short list of phrases, and by the status last, since
// one status covers several meanings. The rules are a table (failure_rules.cpp) and are held to a
// corpus of real-shaped errors (provider_failures.json).

#include "base/error.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weir::dialects {

enum class FailureClass : std::uint8_t {
    rate,      // this key, or its organisation, is too fast: cool it, ask another
    capacity,  // the model is overloaded there for everybody: ask another provider
    billing,   // the account has no money: retire all of its keys, ask another
    auth,      // the key is refused: retire it, ask another
    access,    // not with this key or not there, which says nothing of other models: ask another
    context,   // the question is too long for this model: tell the client
    policy,    // refused for what it says: tell the client
    request,   // the request itself is wrong: tell the client, ask nobody
    transient, // the provider is in trouble: ask another
};
std::string_view name(FailureClass kind);

// Whether another provider would refuse it just as well.
bool is_the_clients(FailureClass kind);

struct ProviderFailure {
    FailureClass kind = FailureClass::transient;
    std::optional<std::chrono::milliseconds> retry_after; // as long as the provider asked for
    std::string message; // the provider's words; as long as it likes
};

struct RetryHeaders {
    std::optional<std::string_view> retry_after;    // seconds
    std::optional<std::string_view> retry_after_ms; // milliseconds
};

// `sent` is the request's body: what a client wrote itself takes no key away when it is repeated.
ProviderFailure classify_failure(int status, std::string_view body, const RetryHeaders& headers,
                                 std::string_view sent = {});

// One row: every condition that it names must hold, and the first row that fits decides.
struct FailureRule {
    std::span<const int> statuses;           // empty: any
    std::span<const std::string_view> kinds; // parts of a code, type, status or reason
    std::span<const std::string_view> words; // parts of a message
    FailureClass kind;
};
std::span<const FailureRule> failure_rules();

} // namespace weir::dialects
