#pragma once
// What went wrong, as a value. An Errc says which of the refusals of docs/errors it is; the text
// parts say why. `message` and `param` may be shown to the caller and hold no secret; `detail` goes
// to the log alone. Only dialects/error_shape.cpp knows how an Errc looks on the wire.

#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

enum class Errc : std::uint8_t {
    invalid_api_key,              // no key, a bad one, an expired one, a disabled user
    model_not_allowed,            // this key may not use this model
    role_required,                // the caller's role does not open this door
    csrf,                         // a cookie session wrote without its token
    source_blocked,               // the address, key or user is blocked
    model_not_found,              // no such model
    not_found,                    // no such path or object
    stream_not_found,             // no such stream, or someone else's
    method_not_allowed,           // the path exists, the method does not
    invalid_json,                 // not JSON, duplicate keys, bad UTF-8, too deep
    invalid_type,                 // a field of another type
    missing_required_parameter,   // a field that must be there is not
    unknown_parameter,            // a field that is not known, where that matters
    invalid_value,                // right type, impossible value
    integer_above_max_value,      // a number over its upper bound
    integer_below_min_value,      // a number under its lower bound
    string_above_max_length,      // a text over its bound
    array_above_max_length,       // a list over its bound
    empty_array,                  // a list that may not be empty is
    content_policy_violation,     // refused by the filter
    set_by_file,                  // the configuration file owns this value
    conflict,                     // clashes with what is there
    idempotency_answer_too_large, // the stored answer was too large to keep
    idempotency_key_reused,       // same Idempotency-Key, another request
    stream_gone,                  // the stream's log no longer reaches back that far
    request_too_large,            // the body is over its limit
    quota_exceeded,               // a budget is used up, or less is left than the request may need
    rate_limit_exceeded,          // a rate or concurrency rule
    upstream_credentials_exhausted, // every provider key of the route is dead
    upstream_error,                 // the provider failed before any output
    upstream_malformed,             // the provider sent a damaged event
    stream_truncated,               // the provider's stream ended without a finish
    stream_cancelled,               // the owner stopped the stream
    upstream_unavailable,           // no healthy target
    shutting_down,                  // the server drains
    overloaded,                     // past a memory, queue or connection threshold
    ledger_unavailable,             // the ledger cannot write
    upstream_timeout,               // no first event, or no byte, in time
    upstream_rejected, // the provider refused this request as wrong (its status is passed on)
    bad_request,       // malformed HTTP that still could be read as a request
    length_required,   // a body without a length
    client_left,       // the caller hung up; nobody is told
    internal,          // our bug
};

// The code as clients see it, such as "invalid_api_key".
std::string_view name(Errc code);

class Error {
public:
    struct Fault {
        Errc code;
        std::string message;
        std::string param;
    };

    Error(Errc code) : code_(code) {} // NOLINT: converts so that `return refuse(code)` reads well
    Error(Errc code, std::string message) : code_(code) { parts().message = std::move(message); }

    Error&& at(std::string param) && {
        parts().param = std::move(param);
        return std::move(*this);
    }
    // For the log only: never shown to a caller.
    Error&& because(std::string detail) && {
        parts().detail = std::move(detail);
        return std::move(*this);
    }
    Error&& retry_in(std::chrono::milliseconds wait) && {
        parts().retry_after = wait;
        return std::move(*this);
    }
    // The status of a provider's refusal that is passed on.
    Error&& with_status(int status) && {
        parts().status = status;
        return std::move(*this);
    }
    // A provider's own words in full, for whoever judges them: neither shown nor logged.
    Error&& told(std::string words) && {
        parts().told = std::move(words);
        return std::move(*this);
    }
    Error&& and_also(std::vector<Fault> more) && {
        parts().more = std::move(more);
        return std::move(*this);
    }

    Errc code() const { return code_; }
    std::string_view message() const { return parts_ ? std::string_view(parts_->message) : ""; }
    std::string_view param() const { return parts_ ? std::string_view(parts_->param) : ""; }
    std::string_view detail() const { return parts_ ? std::string_view(parts_->detail) : ""; }
    std::optional<std::chrono::milliseconds> retry_after() const {
        return parts_ ? parts_->retry_after : std::nullopt;
    }
    int status() const { return parts_ ? parts_->status : 0; }
    std::string_view told() const { return parts_ ? std::string_view(parts_->told) : ""; }
    const std::vector<Fault>& more() const;

private:
    struct Parts {
        std::string message;
        std::string param;
        std::string detail;
        std::optional<std::chrono::milliseconds> retry_after;
        int status = 0;
        std::string told;
        std::vector<Fault> more;
    };
    Parts& parts();

    Errc code_;
    std::shared_ptr<Parts> parts_; // absent on the common, wordless error
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> refuse(Error error) { return std::unexpected(std::move(error)); }
inline std::unexpected<Error> refuse(Errc code, std::string message) {
    return std::unexpected(Error(code, std::move(message)));
}

} // namespace weir

#define WEIR_NAME2(a, b) a##b
#define WEIR_NAME(a, b) WEIR_NAME2(a, b)

// WEIR_TRY(auto value, fallible()): declares `value`, or returns the error. CO_TRY is the same
// inside a coroutine. They are declarations, not expressions: name the awaited thing first, then
// await it.
#define WEIR_TRY_AS(outcome, declaration, expression)                                              \
    auto outcome = (expression);                                                                   \
    if (!outcome) [[unlikely]]                                                                     \
        return std::unexpected(std::move(outcome).error());                                        \
    declaration = *std::move(outcome)
#define WEIR_TRY(declaration, expression)                                                          \
    WEIR_TRY_AS(WEIR_NAME(outcome_, __COUNTER__), declaration, expression)
#define WEIR_CHECK_AS(outcome, expression)                                                         \
    if (auto outcome = (expression); !outcome) [[unlikely]]                                        \
    return std::unexpected(std::move(outcome).error())
#define WEIR_CHECK(expression) WEIR_CHECK_AS(WEIR_NAME(outcome_, __COUNTER__), expression)

#define CO_TRY_AS(outcome, declaration, expression)                                                \
    auto outcome = (expression);                                                                   \
    if (!outcome) [[unlikely]]                                                                     \
        co_return std::unexpected(std::move(outcome).error());                                     \
    declaration = *std::move(outcome)
#define CO_TRY(declaration, expression)                                                            \
    CO_TRY_AS(WEIR_NAME(outcome_, __COUNTER__), declaration, expression)
#define CO_CHECK_AS(outcome, expression)                                                           \
    if (auto outcome = (expression); !outcome) [[unlikely]]                                        \
    co_return std::unexpected(std::move(outcome).error())
#define CO_CHECK(expression) CO_CHECK_AS(WEIR_NAME(outcome_, __COUNTER__), expression)
