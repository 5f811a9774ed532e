#include "quota/price.h"

#include <algorithm>

namespace weir::quota {
namespace {

constexpr std::int64_t pico_per_nano = 1000;
using Wide = __int128; // tokens times picodollars can pass 64 bits

std::int64_t round_up(Wide picodollars) {
    const Wide nano = (picodollars + pico_per_nano - 1) / pico_per_nano;
    return static_cast<std::int64_t>(std::min<Wide>(nano, INT64_MAX / 4));
}

} // namespace

std::int64_t version_of(const config::Price& price) {
    std::uint64_t hash = 0;
    for (const std::int64_t part :
         {price.input, price.output, price.cached_input, price.reasoning}) {
        // splitmix64 (Steele, Lea, Flood 2014) over what came before.
        hash += static_cast<std::uint64_t>(part) + 0x9e3779b97f4a7c15;
        hash = (hash ^ hash >> 30) * 0xbf58476d1ce4e5b9;
        hash = (hash ^ hash >> 27) * 0x94d049bb133111eb;
        hash ^= hash >> 31;
    }
    return static_cast<std::int64_t>(hash >> 11 | 1); // it stays exact as a JSON number
}

std::int64_t cost_nanousd(const config::Price& price, const chat::Usage& usage) {
    const std::int64_t cached = usage.cached_input.value();
    const std::int64_t reasoning = usage.reasoning.value();
    return round_up(
        Wide{usage.input.value() - cached} * price.input + Wide{cached} * price.cached_input +
        Wide{usage.output.value() - reasoning} * price.output + Wide{reasoning} * price.reasoning);
}

std::int64_t input_bound_nanousd(const config::Price& price, std::int64_t tokens) {
    return round_up(Wide{tokens} * std::max(price.input, price.cached_input));
}

std::int64_t output_bound_nanousd(const config::Price& price, std::int64_t tokens) {
    return round_up(Wide{tokens} * std::max(price.output, price.reasoning));
}

} // namespace weir::quota
