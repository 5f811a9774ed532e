#include "dialects/failure/failure_reading.h"

#include "base/text.h"
#include "json/document.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

namespace weir::dialects {
namespace {

using json::Kind;
using json::Value;

constexpr std::size_t plain_text_bytes = 512;
constexpr int depth_max = 6;
constexpr std::size_t entries_max = 16;
constexpr double wait_ms_max = 1e12; // far beyond any wait that is kept

constexpr std::array<std::string_view, 8> kind_keys{
    "code", "type", "status", "reason", "error_type", "error_code", "blockReason", "limit_source"};
constexpr std::array<std::string_view, 6> word_keys{"message", "msg",           "detail",
                                                    "error",   "error_message", "raw"};
constexpr std::array<std::string_view, 10> entered{
    "error",    "innererror", "details", "detail",         "errors",
    "metadata", "response",   "message", "promptFeedback", "raw"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view without_space(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

template <std::size_t N>
bool is_one_of(std::string_view key, const std::array<std::string_view, N>& keys) {
    return std::ranges::find(keys, key) != keys.end();
}

void append_lower(std::string& out, std::string_view text) {
    if (!out.empty()) out.push_back('\n');
    std::ranges::transform(text, std::back_inserter(out), to_lower);
}

// A number at the start of `text`, which is shortened by it.
std::optional<double> take_number(std::string_view& text) {
    std::size_t end = 0;
    double value = 0;
    while (end < text.size() && is_digit(text[end])) value = value * 10 + (text[end++] - '0');
    if (end == 0 || end > 15) return std::nullopt;
    if (end + 1 < text.size() && text[end] == '.' && is_digit(text[end + 1])) {
        double place = 0.1;
        for (++end; end < text.size() && is_digit(text[end]); place /= 10)
            value += place * (text[end++] - '0');
    }
    text.remove_prefix(end);
    return value;
}

class Walk {
public:
    explicit Walk(FailureReading& out) : out_(out) {}

    enum class Whose : std::uint8_t { own, passed_on };
    void visit(const Value& value, Whose whose, int depth) {
        if (depth > depth_max) return;
        if (value.is(Kind::array)) {
            std::size_t seen = 0;
            for (const Value item : value) {
                if (++seen > entries_max) break;
                visit(item, whose, depth + 1);
            }
        }
        if (!value.is(Kind::object)) return;
        for (const Value member : value) read_member(member, whose);
        for (const Value member : value)
            if (is_one_of(member.key(), entered))
                visit(member, member.key() == "raw" ? Whose::passed_on : whose, depth + 1);
    }

private:
    void read_member(const Value& member, Whose whose) {
        const std::string_view key = member.key();
        const bool own = whose == Whose::own;
        if (member.is(Kind::string)) {
            const std::string_view text = member.text();
            if (is_one_of(key, kind_keys))
                append_lower(own ? out_.kinds : out_.passed_on_kinds, text);
            if (is_one_of(key, word_keys)) {
                if (own && key != "raw" && out_.message.empty()) out_.message = text;
                append_lower(own && key != "raw" ? out_.words : out_.passed_on_words, text);
            }
            if (key == "param" && own) out_.names_a_field = true;
            if (key == "retryDelay") read_delay(text);
        } else if (member.is(Kind::integer) || member.is(Kind::number)) {
            const double number = member.number();
            if (key == "code" && own && out_.status == 0 && number >= 400 && number < 600)
                out_.status = static_cast<int>(number);
            if (key == "estimated_time" && number >= 0 && number < wait_ms_max)
                out_.wait_ms = static_cast<std::int64_t>(std::ceil(number * 1000 - 1e-6));
        }
    }
    // "34.07s"
    void read_delay(std::string_view text) {
        const auto seconds = take_number(text);
        if (seconds && text == "s")
            out_.wait_ms = static_cast<std::int64_t>(std::ceil(*seconds * 1000 - 1e-6));
    }
    FailureReading& out_;
};

void read_json(std::string_view text, FailureReading& out) {
    if (const auto document = json::Document::parse(text))
        Walk(out).visit(document->root(), Walk::Whose::own, 0);
}

void read_events(std::string_view body, FailureReading& out) {
    while (!body.empty()) {
        const std::size_t end = body.find('\n');
        std::string_view line = body.substr(0, end);
        body = end == std::string_view::npos ? std::string_view() : body.substr(end + 1);
        for (const std::string_view field : {"data:", "error:"})
            if (line.starts_with(field)) {
                const auto document = json::Document::parse(trim(line.substr(field.size())));
                if (!document || !document->root().is(Kind::object)) break;
                const auto error = document->root().find("error");
                // Plain words there may be the answer's.
                if (error && error->is(Kind::string)) break;
                Walk(out).visit(document->root(), Walk::Whose::own, 0);
                break;
            }
    }
}

bool begins_with_any(std::string_view text, std::initializer_list<std::string_view> beginnings) {
    return std::ranges::any_of(beginnings, [&](std::string_view beginning) {
        return text.size() >= beginning.size() &&
               equal_ignoring_case(text.substr(0, beginning.size()), beginning);
    });
}

// The milliseconds of a unit at the start of `text`, which is shortened by it; 0: none is there.
double take_unit(std::string_view& text) {
    struct Unit {
        std::string_view name;
        double ms;
    };
    static constexpr std::array<Unit, 12> units{{{"ms", 1},
                                                 {"seconds", 1'000},
                                                 {"second", 1'000},
                                                 {"sec", 1'000},
                                                 {"s", 1'000},
                                                 {"minutes", 60'000},
                                                 {"minute", 60'000},
                                                 {"min", 60'000},
                                                 {"m", 60'000},
                                                 {"hours", 3'600'000},
                                                 {"hour", 3'600'000},
                                                 {"h", 3'600'000}}};
    for (const Unit& unit : units) {
        if (!text.starts_with(unit.name)) continue;
        const std::string_view after = text.substr(unit.name.size());
        const bool ends = after.empty() || is_digit(after.front()) ||
                          std::string_view(" \t\n.,;").contains(after.front());
        if (!ends) continue;
        text = after;
        return unit.ms;
    }
    return 0;
}

// "try again in 1m2.5s"
std::optional<double> wait_in_words(std::string_view words) {
    for (const std::string_view cue : {"try again", "retry", "wait"}) {
        for (std::size_t at = words.find(cue); at != std::string_view::npos;
             at = words.find(cue, at + 1)) {
            std::string_view rest = words.substr(at + cue.size());
            for (const std::string_view link : {" in ", " after ", " for ", " "})
                if (rest.starts_with(link)) {
                    rest.remove_prefix(link.size());
                    break;
                }
            double total = -1;
            while (const auto number = take_number(rest)) {
                while (rest.starts_with(' ')) rest.remove_prefix(1);
                const double unit = take_unit(rest);
                if (unit == 0) break;
                total = std::max(total, 0.0) + *number * unit;
                while (rest.starts_with(' ')) rest.remove_prefix(1);
            }
            if (total >= 0) return total;
        }
    }
    return std::nullopt;
}

std::optional<std::chrono::milliseconds> as_wait(double ms) {
    if (ms > wait_ms_max) return std::nullopt;
    return std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(ms - 1e-6)));
}

} // namespace

FailureReading read_failure(std::string_view body) {
    FailureReading out;
    if (body.starts_with("\xef\xbb\xbf")) body.remove_prefix(3);
    const std::string_view text = without_space(body);
    if (text.starts_with('{') || text.starts_with('[')) read_json(text, out);
    else if (begins_with_any(text, {"<!doctype", "<html", "<!--", "<head", "<a "}))
        out.kinds = "body:html";
    else if (begins_with_any(body, {":", "event:", "data:", "error:"})) read_events(body, out);
    else if (!text.empty() && !text.starts_with('"') && is_utf8(text)) {
        out.message = clip(text, plain_text_bytes);
        append_lower(out.words, out.message);
    }
    return out;
}

std::optional<std::chrono::milliseconds> wait_asked_for(const FailureReading& read,
                                                        const RetryHeaders& headers) {
    const bool fine = headers.retry_after_ms.has_value();
    if (auto text = fine ? headers.retry_after_ms : headers.retry_after) {
        const auto number = take_number(*text);
        return number && text->empty() ? as_wait(*number * (fine ? 1 : 1000)) : std::nullopt;
    }
    if (read.wait_ms >= 0) return std::chrono::milliseconds(read.wait_ms);
    if (const auto wait = wait_in_words(read.words)) return as_wait(*wait);
    return std::nullopt;
}

} // namespace weir::dialects
