#include "base/text.h"

#include <array>
#include <charconv>
#include <fmt/core.h>

namespace weir {

char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (to_lower(a[i]) != to_lower(b[i])) return false;
    return true;
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

std::optional<std::uint64_t> parse_decimal(std::string_view text) {
    std::uint64_t value = 0;
    if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

namespace {

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};

std::optional<std::uint64_t> parse_with_unit(std::string_view text, std::span<const Unit> units) {
    std::size_t digits = 0;
    while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
    const auto number = parse_decimal(text.substr(0, digits));
    const std::string_view unit = trim(text.substr(digits));
    if (!number) return std::nullopt;
    for (const auto& candidate : units) {
        std::uint64_t product = 0;
        if (!equal_ignoring_case(candidate.name, unit)) continue;
        if (__builtin_mul_overflow(*number, candidate.factor, &product)) return std::nullopt;
        if (product > static_cast<std::uint64_t>(INT64_MAX / 2'000'000)) return std::nullopt;
        return product;
    }
    return std::nullopt;
}

constexpr std::array<Unit, 6> duration_units{
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"min", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
constexpr std::array<Unit, 8> byte_units{{{"", 1},
                                          {"B", 1},
                                          {"kB", 1000},
                                          {"KiB", 1024},
                                          {"MB", 1'000'000},
                                          {"MiB", 1024 * 1024},
                                          {"GB", 1'000'000'000},
                                          {"GiB", 1024 * 1024 * 1024}}};

} // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
    const auto value = parse_with_unit(text, duration_units);
    if (!value) return std::nullopt;
    return std::chrono::milliseconds(static_cast<std::int64_t>(*value));
}

std::string format_duration(std::chrono::milliseconds duration) {
    const auto ms = duration.count();
    if (ms == 0) return "0s";
    if (ms % 86'400'000 == 0) return fmt::format("{}d", ms / 86'400'000);
    if (ms % 3'600'000 == 0) return fmt::format("{}h", ms / 3'600'000);
    if (ms % 60'000 == 0) return fmt::format("{}m", ms / 60'000);
    if (ms % 1000 == 0) return fmt::format("{}s", ms / 1000);
    return fmt::format("{}ms", ms);
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
    return parse_with_unit(text, byte_units);
}

std::string format_time(WallTime time) {
    using namespace std::chrono;
    const auto days = floor<std::chrono::days>(time);
    const year_month_day date(days);
    const hh_mm_ss clock(floor<seconds>(time - days));
    std::string out = "0000-00-00T00:00:00Z";
    // Written by hand: every log line has one.
    const auto put = [&](std::size_t at, std::size_t digits, std::int64_t value) {
        for (std::size_t i = digits; i > 0; --i, value /= 10)
            out[at + i - 1] = static_cast<char>('0' + value % 10);
    };
    put(0, 4, static_cast<int>(date.year()));
    put(5, 2, static_cast<unsigned>(date.month()));
    put(8, 2, static_cast<unsigned>(date.day()));
    put(11, 2, clock.hours().count());
    put(14, 2, clock.minutes().count());
    put(17, 2, clock.seconds().count());
    return out;
}

std::optional<WallTime> parse_time(std::string_view text) {
    using namespace std::chrono;
    constexpr std::string_view form = "dddd-dd-ddTdd:dd:dd";
    if (text.size() < form.size() + 1) return std::nullopt;
    for (std::size_t i = 0; i < form.size(); ++i) {
        const bool digit = text[i] >= '0' && text[i] <= '9';
        const bool same = text[i] == form[i] || (form[i] == 'T' && text[i] == 't');
        if (form[i] == 'd' ? !digit : !same) return std::nullopt;
    }
    const auto number = [&](std::size_t at, std::size_t digits) {
        return static_cast<int>(parse_decimal(text.substr(at, digits)).value_or(0));
    };
    const year_month_day date(year(number(0, 4)), month(static_cast<unsigned>(number(5, 2))),
                              day(static_cast<unsigned>(number(8, 2))));
    if (!date.ok() || number(11, 2) > 23 || number(14, 2) > 59 || number(17, 2) > 60)
        return std::nullopt;
    WallTime out =
        sys_days(date) + hours(number(11, 2)) + minutes(number(14, 2)) + seconds(number(17, 2));
    std::string_view rest = text.substr(form.size());
    if (rest.starts_with('.')) {
        rest.remove_prefix(1);
        const std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
        if (digits == 0) return std::nullopt;
        std::int64_t place = 100'000;
        for (std::size_t i = 0; i < digits && place > 0; ++i, place /= 10)
            out += microseconds(place * (rest[i] - '0'));
        rest.remove_prefix(digits);
    }
    if (rest == "Z" || rest == "z") return out;
    const bool east = rest.starts_with('+');
    if (rest.size() != 6 || (!east && rest[0] != '-') || rest[3] != ':') return std::nullopt;
    const auto h = parse_decimal(rest.substr(1, 2));
    const auto m = parse_decimal(rest.substr(4, 2));
    if (!h || !m || *h > 23 || *m > 59) return std::nullopt;
    const minutes offset(static_cast<int>(*h * 60 + *m));
    return east ? out - offset : out + offset;
}

void append_decimal(std::string& out, std::int64_t value) {
    std::array<char, 24> digits;
    const auto [end, fault] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    out.append(digits.data(), end);
}

std::string to_hex(std::span<const unsigned char> bytes) {
    static constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const unsigned char byte : bytes) {
        out.push_back(digits[byte >> 4]);
        out.push_back(digits[byte & 15]);
    }
    return out;
}

std::string clip(std::string_view text, std::size_t limit) {
    std::string out(text.substr(0, limit));
    if (text.size() > limit) {
        // Step back over a character that was cut in the middle.
        std::size_t back = 0;
        while (!out.empty() && back < 4 &&
               (static_cast<unsigned char>(out.back()) & 0xc0) == 0x80) {
            out.pop_back();
            ++back;
        }
        if (!out.empty() && (static_cast<unsigned char>(out.back()) & 0x80) != 0) out.pop_back();
    }
    for (char& c : out)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    return out;
}

bool is_utf8(std::string_view text) {
    // Björn Höhrmann's table is smaller; this states RFC 3629's ranges as they are written there.
    std::size_t i = 0;
    const auto at = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
    const auto tail = [&](std::size_t k) { return k < text.size() && (at(k) & 0xc0) == 0x80; };
    while (i < text.size()) {
        const unsigned char lead = at(i);
        if (lead < 0x80) {
            i += 1;
        } else if (lead >= 0xc2 && lead <= 0xdf) {
            if (!tail(i + 1)) return false;
            i += 2;
        } else if (lead >= 0xe0 && lead <= 0xef) {
            if (!tail(i + 1) || !tail(i + 2)) return false;
            if (lead == 0xe0 && at(i + 1) < 0xa0) return false;
            if (lead == 0xed && at(i + 1) > 0x9f) return false; // surrogates
            i += 3;
        } else if (lead >= 0xf0 && lead <= 0xf4) {
            if (!tail(i + 1) || !tail(i + 2) || !tail(i + 3)) return false;
            if (lead == 0xf0 && at(i + 1) < 0x90) return false;
            if (lead == 0xf4 && at(i + 1) > 0x8f) return false;
            i += 4;
        } else {
            return false;
        }
    }
    return true;
}

std::string percent_encode(std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || std::string_view("-._~/").contains(c);
        if (plain) {
            out.push_back(c);
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        out.push_back('%');
        out.push_back(digits[byte >> 4U]);
        out.push_back(digits[byte & 15U]);
    }
    return out;
}

} // namespace weir
