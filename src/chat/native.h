#pragma once
// A dialect whose own words ride along with what Weir knows, for clients and providers that speak
// it both.

#include <cstdint>

namespace weir::chat {

enum class Native : std::uint8_t { openai, anthropic, responses };

} // namespace weir::chat
