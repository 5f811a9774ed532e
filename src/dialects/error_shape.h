#pragma once
// How an Error looks to a client: the one place that knows statuses, types and public wording (the
// table of docs/errors.md), for each dialect.

#include "base/error.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::dialects {

enum class Shape : std::uint8_t {
    openai,    // {"error":{"message","type","param","code"}}; /api routes too
    anthropic, // {"type":"error","error":{"type","message","code"},"request_id"}
};

int status_of(const Error& error);
// Its public sentence: the error's own, or the usual one for its code.
std::string message_of(const Error& error);
// The JSON of a refusal's body; also the data of an error frame in a stream that has begun.
std::string error_body(const Error& error, Shape shape, std::string_view request_id);

// Headers that go with it: how long to wait, and whether trying again can help at all.
struct RetryAdvice {
    std::optional<std::chrono::milliseconds> after;
    enum class Retry : std::uint8_t { as_usual, pointless } retry = Retry::as_usual;
};
RetryAdvice retry_advice(const Error& error);

} // namespace weir::dialects
