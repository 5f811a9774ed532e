#pragma once
// Usage and cost as JSON, the same at every OpenAI-shaped door.

#include "dialects/answer_encoder.h"
#include "json/writer.h"

namespace weir::dialects {

// The provider's own usage object where there is one, else one of what was counted.
void write_usage(json::Writer& writer, const Closing& closing);
// {"provider","model","cost_usd","estimated"}: who answered in the end, and what it cost.
void write_x_weir(json::Writer& writer, const Closing& closing);
std::string dollars(std::int64_t nanousd); // "0.000123", exact

} // namespace weir::dialects
