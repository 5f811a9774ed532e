#include "dialects/answer_text.h"

#include "json/writer.h"

#include <algorithm>
#include <iterator>

namespace weir::dialects {
namespace {

// No answer has more tokens than this: a larger count is a provider's mistake, and could overflow a
// sum.
constexpr std::int64_t tokens_max = 1'000'000'000;

bool is_line_end(char c) { return c == '\r' || c == '\n'; }

} // namespace

std::string_view text_of(const json::Value& object, std::string_view key) {
    const auto value = object.is(json::Kind::object) ? object.find(key) : std::nullopt;
    return value && value->is(json::Kind::string) ? value->text() : std::string_view();
}

std::string one_line(std::string_view raw) {
    std::string out;
    out.reserve(raw.size());
    std::ranges::remove_copy_if(raw, std::back_inserter(out), is_line_end);
    return out;
}

void append_member(std::string& out, const json::Value& member) {
    if (!out.empty()) out.push_back(',');
    json::append_quoted(out, member.key());
    out.push_back(':');
    const std::string_view raw = member.raw();
    if (std::ranges::none_of(raw, is_line_end)) out += raw;
    else out += one_line(raw);
}

std::string arguments_text(const std::optional<json::Value>& arguments) {
    if (arguments && arguments->is(json::Kind::object)) return one_line(arguments->raw());
    if (arguments && arguments->is(json::Kind::string) && !arguments->text().empty())
        return std::string(arguments->text());
    return "{}";
}

std::optional<std::int64_t> count_of(const json::Value& object, std::string_view key) {
    const auto value = object.is(json::Kind::object) ? object.find(key) : std::nullopt;
    if (!value || !value->is(json::Kind::integer)) return std::nullopt;
    const std::int64_t count = value->integer();
    return count >= 0 && count <= tokens_max ? std::optional(count) : std::nullopt;
}

} // namespace weir::dialects
