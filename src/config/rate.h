#pragma once
// A rate as an operator writes it: "120/min burst 30", "10/s", "60/min hard", or "off".

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::config {

struct Rate {
    std::int64_t count = 0; // 0: off
    std::chrono::nanoseconds per{};
    std::int64_t burst = 0; // how many may come at once
    enum class Kind : std::uint8_t {
        smooth, // at most burst + count per period in any window of that length
        hard,   // never more than count in any window of that length
    } kind = Kind::smooth;

    bool off() const { return count == 0; }
    static std::optional<Rate> parse(std::string_view text);
    std::string text() const;
};

} // namespace weir::config
