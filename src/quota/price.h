#pragma once
// What usage costs, in whole nanodollars, rounded up: nothing that was used is free by rounding.

#include "chat/chat_event.h"
#include "config/config.h"

namespace weir::quota {

// The number by which entries name a price: made of it, so that the same price has the same number
// everywhere and at any time. Never 0, which stands for none.
std::int64_t version_of(const config::Price& price);

std::int64_t cost_nanousd(const config::Price& price, const chat::Usage& usage);
// The same for an upper bound, where nothing is known to be cached or reasoning.
std::int64_t input_bound_nanousd(const config::Price& price, std::int64_t tokens);
std::int64_t output_bound_nanousd(const config::Price& price, std::int64_t tokens);

} // namespace weir::quota
