#pragma once
// Small text conversions that the standard library of this compiler lacks. All are total: bad input
// gives nullopt, never a throw.

#include "base/clock.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weir {

char to_lower(char c);
bool equal_ignoring_case(std::string_view a, std::string_view b);
std::string_view trim(std::string_view text); // spaces and tabs at both ends

// The whole text as a non-negative decimal number without sign, space or overflow.
std::optional<std::uint64_t> parse_decimal(std::string_view text);

// "30d", "12h", "5m", "10s", "250ms"; one number and one unit.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
// The shortest such text.
std::string format_duration(std::chrono::milliseconds duration);

// "8MiB", "64KiB", "1GB", "4096".
std::optional<std::uint64_t> parse_bytes(std::string_view text);

// RFC 3339 in UTC, whole seconds: "2026-01-31T12:00:00Z".
std::string format_time(WallTime time);
// The same, also with a fraction and with an offset: "2026-01-31T13:00:00.5+01:00".
std::optional<WallTime> parse_time(std::string_view text);

void append_decimal(std::string& out, std::int64_t value);
std::string to_hex(std::span<const unsigned char> bytes);

// At most `limit` bytes, cut at a UTF-8 boundary; control characters become '?'. For echoing a
// caller's text.
// As it may stand in the path of a URL: what is not unreserved (RFC 3986, section 2.3) or '/' is
// encoded.
std::string percent_encode(std::string_view text);
std::string clip(std::string_view text, std::size_t limit);

bool is_utf8(std::string_view text);

} // namespace weir
