#include "config/rate.h"

#include "base/text.h"

#include <algorithm>
#include <fmt/core.h>

namespace weir::config {
namespace {

using namespace std::chrono_literals;

struct Period {
    std::string_view name;
    std::chrono::nanoseconds length;
};
constexpr Period periods[] = {{"s", 1s}, {"min", 1min}, {"hour", 1h}, {"day", 24h}};

constexpr std::int64_t count_max = 1'000'000'000;

std::optional<std::int64_t> parse_count(std::string_view text) {
    const auto value = parse_decimal(text);
    if (!value || *value == 0 || *value > static_cast<std::uint64_t>(count_max))
        return std::nullopt;
    return static_cast<std::int64_t>(*value);
}

} // namespace

std::optional<Rate> Rate::parse(std::string_view text) {
    if (text == "off") return Rate{};
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    Rate rate;
    const auto count = parse_count(trim(text.substr(0, slash)));
    if (!count) return std::nullopt;
    rate.count = *count;
    std::string_view rest = trim(text.substr(slash + 1));
    const std::size_t word_end = std::min(rest.find(' '), rest.size());
    for (const Period& period : periods)
        if (period.name == rest.substr(0, word_end)) rate.per = period.length;
    if (rate.per.count() == 0) return std::nullopt;
    rest = trim(rest.substr(word_end));
    // Without a word of its own the burst is a quarter of the count: bursts pass, a stampede does
    // not.
    rate.burst = std::max<std::int64_t>(1, rate.count / 4);
    if (rest == "hard") {
        rate.kind = Kind::hard;
    } else if (rest.starts_with("burst ")) {
        const auto burst = parse_count(trim(rest.substr(6)));
        if (!burst) return std::nullopt;
        rate.burst = *burst;
    } else if (!rest.empty()) {
        return std::nullopt;
    }
    return rate;
}

std::string Rate::text() const {
    if (off()) return "off";
    std::string_view unit = "s";
    for (const Period& period : periods)
        if (period.length == per) unit = period.name;
    const std::string base = fmt::format("{}/{}", count, unit);
    if (kind == Kind::hard) return base + " hard";
    return fmt::format("{} burst {}", base, burst);
}

} // namespace weir::config
