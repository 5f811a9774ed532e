#pragma once
// The small readings that the decoders of all dialects share.

#include "json/document.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::dialects {

// A string member of an object, or empty.
std::string_view text_of(const json::Value& object, std::string_view key);

// JSON on one line: a line end can only stand between its tokens, and would end a `data:` line.
std::string one_line(std::string_view raw);

// `"key":value`, after a comma where `out` has something already.
void append_member(std::string& out, const json::Value& member);

// The arguments of a tool call as the text that they are in chat: an object's JSON, a text that
// some servers send instead, or "{}".
std::string arguments_text(const std::optional<json::Value>& arguments);

// A count of tokens that can be believed, or nullopt.
std::optional<std::int64_t> count_of(const json::Value& object, std::string_view key);

} // namespace weir::dialects
