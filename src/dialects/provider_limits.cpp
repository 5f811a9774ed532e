#include "dialects/provider_limits.h"

#include "base/text.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace weir::dialects {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t count_max = 1'000'000'000'000;
constexpr milliseconds longest = std::chrono::hours(24 * 31);

// Three headers say one thing.
struct Told {
    std::string_view limit;
    std::string_view left;
    std::string_view reset;
};

// A part of a duration at the start of `text`, which is shortened by it: "6m" of "6m0s".
std::optional<milliseconds> take_part(std::string_view& text) {
    struct Unit {
        std::string_view name;
        double ms;
    };
    static constexpr std::array<Unit, 5> units{
        {{"ms", 1}, {"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}}};
    const std::size_t whole = std::min(text.find_first_not_of("0123456789"), text.size());
    if (whole == 0 || whole > 12) return std::nullopt;
    double number = static_cast<double>(parse_decimal(text.substr(0, whole)).value_or(0));
    text.remove_prefix(whole);
    if (text.starts_with('.')) {
        text.remove_prefix(1);
        for (double place = 0.1; !text.empty() && text[0] >= '0' && text[0] <= '9'; place /= 10) {
            number += place * (text[0] - '0');
            text.remove_prefix(1);
        }
    }
    for (const Unit& unit : units) {
        if (!text.starts_with(unit.name)) continue;
        text.remove_prefix(unit.name.size());
        const double ms = std::min(number * unit.ms, static_cast<double>(longest.count()));
        return milliseconds(static_cast<std::int64_t>(std::ceil(ms - 1e-6)));
    }
    return std::nullopt;
}

// "6m0s", "120ms", "2m59.56s".
std::optional<milliseconds> duration_of(std::string_view text) {
    if (text.empty()) return std::nullopt;
    milliseconds total{0};
    while (!text.empty()) {
        const auto part = take_part(text);
        if (!part) return std::nullopt;
        total = std::min(total + *part, longest);
    }
    return total;
}

std::optional<milliseconds> wait_of(std::string_view reset, WallTime now) {
    if (const auto moment = parse_time(reset))
        return std::clamp(std::chrono::ceil<milliseconds>(*moment - now), milliseconds(0), longest);
    return duration_of(reset);
}

std::optional<Remaining> remaining_of(const Told& told, WallTime now) {
    const auto limit = parse_decimal(told.limit);
    const auto left = parse_decimal(told.left);
    const auto wait = wait_of(told.reset, now);
    if (!limit || !left || !wait || *limit == 0 || *limit > count_max) return std::nullopt;
    const auto most = static_cast<std::int64_t>(*limit);
    return Remaining{most, std::min(static_cast<std::int64_t>(*left), most), *wait};
}

bool starts_with_ignoring_case(std::string_view text, std::string_view start) {
    return text.size() >= start.size() && equal_ignoring_case(text.substr(0, start.size()), start);
}

// The member of `told` that a header's name means, or null.
std::string_view* member_of(std::array<Told, 3>& told, std::string_view name) {
    constexpr std::string_view anthropic = "anthropic-ratelimit-";
    constexpr std::string_view usual = "x-ratelimit-";
    constexpr std::array<std::string_view, 3> units{"requests", "tokens", "input-tokens"};
    const bool first_what = starts_with_ignoring_case(name, anthropic);
    if (!first_what && !starts_with_ignoring_case(name, usual)) return nullptr;
    name.remove_prefix(first_what ? anthropic.size() : usual.size());
    for (std::size_t i = 0; i < units.size(); ++i) {
        const auto is = [&](std::string_view part) {
            if (name.size() != part.size() + 1 + units[i].size()) return false;
            const std::string_view a = first_what ? units[i] : part;
            const std::string_view b = first_what ? part : units[i];
            return starts_with_ignoring_case(name, a) && name[a.size()] == '-' &&
                   equal_ignoring_case(name.substr(a.size() + 1), b);
        };
        if (is("limit")) return &told[i].limit;
        if (is("remaining")) return &told[i].left;
        if (is("reset")) return &told[i].reset;
    }
    return nullptr;
}

} // namespace

ProviderLimits read_provider_limits(const wire::Fields& fields, WallTime now) {
    std::array<Told, 3> told;
    bool any = false;
    for (const wire::Field& field : fields.all())
        if (std::string_view* const member = member_of(told, field.name)) {
            *member = field.value;
            any = true;
        }
    if (!any) return {};
    ProviderLimits out;
    out.requests = remaining_of(told[0], now);
    out.tokens = remaining_of(told[2], now);
    if (!out.tokens) out.tokens = remaining_of(told[1], now);
    return out;
}

} // namespace weir::dialects
