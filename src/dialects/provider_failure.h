#pragma once
// What a provider's error response means for the key, the target and the client. Decided by the
// code and type in the body first and by the status after, since one status covers several
// meanings.

#include "base/error.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace weir::dialects {

enum class FailureClass : std::uint8_t {
    rate,      // this key is too fast: cool it, try another
    billing,   // this account has no money: retire it, try another
    auth,      // this key is refused: retire it, try another
    request,   // the request itself is wrong: tell the client, try nothing
    transient, // the provider is in trouble: try another target
};

struct ProviderFailure {
    FailureClass kind = FailureClass::transient;
    std::optional<std::chrono::milliseconds> retry_after;
    std::string message; // the provider's words, bounded
};

struct RetryHeaders {
    std::optional<std::string_view> retry_after;    // seconds
    std::optional<std::string_view> retry_after_ms; // milliseconds
};

ProviderFailure classify_failure(int status, std::string_view body, const RetryHeaders& headers);

} // namespace weir::dialects
