#include "grammar.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <variant>

namespace sim {
namespace {

using Field = std::variant<Count Script::*, MaybeCount Script::*, Pause Script::*, bool Script::*,
                           std::string Script::*>;

struct Key {
    std::string_view name;
    Field field;
    std::string_view help;
    Count most = 10'000'000;
    MaybeCount bare = std::nullopt; // the value of the key alone, without "="
};

constexpr Count mebibyte = 1U << 20U;

const std::array keys{
    Key{"chunks", &Script::chunks, "content chunks (8)"},
    Key{"size", &Script::size, "bytes of text a chunk (16)", 16 * mebibyte},
    Key{"huge", &Script::huge, "chunk 0 has this many bytes instead", 256 * mebibyte},
    Key{"utf8", &Script::utf8, "text of three-byte characters"},
    Key{"stamp", &Script::stamp, "each chunk holds the CLOCK_MONOTONIC nanosecond of its writing"},
    Key{"echo", &Script::echo, "repeat the last user message, size bytes a chunk"},
    Key{"reasoning", &Script::reasoning, "chunks of reasoning_content before the content"},
    Key{"tools", &Script::tools, "answer with N tool calls; the text is in their arguments", 64, 1},
    Key{"role", &Script::role, "0 leaves out the opening chunk with the role"},
    Key{"finish", &Script::finish, "stop (default), length, content_filter, tool_calls, ..."},
    Key{"obey", &Script::obey, "honour max_tokens, ending with length"},
    Key{"extra", &Script::extra, "unknown fields in every chunk"},
    Key{"header_delay", &Script::header_delay, "pause before the response head"},
    Key{"first", &Script::first, "pause between the head and the first event"},
    Key{"delay", &Script::delay, "pause between chunks"},
    Key{"hold", &Script::hold, "pause before an answer that is not streamed"},
    Key{"cut", &Script::cut, "reset (RST) the connection after N chunks"},
    Key{"eof", &Script::eof, "end the body properly after N chunks, without a finish"},
    Key{"fin", &Script::fin, "close the connection in the middle of an HTTP chunk after N chunks"},
    Key{"stall", &Script::stall, "not a byte more after N chunks; the connection stays"},
    Key{"malformed", &Script::malformed, "chunk N, counted from 0, is damaged JSON"},
    Key{"error_in", &Script::error_in,
        "an error event inside the 200 after N chunks, then the end"},
    Key{"nofinish", &Script::nofinish, "no finish_reason; usage and [DONE] still come"},
    Key{"nodone", &Script::nodone, "no [DONE]"},
    Key{"nousage", &Script::nousage, "no usage, even when asked for"},
    Key{"running", &Script::running, "running usage in every chunk"},
    Key{"usage_in", &Script::usage_in, "report this many prompt tokens, whatever the truth"},
    Key{"usage_out", &Script::usage_out, "report this many completion tokens, whatever the truth"},
    Key{"cached", &Script::cached, "report this many cached prompt tokens"},
    Key{"split", &Script::split,
        "event stream in pieces of N bytes, each an HTTP chunk and a send"},
    Key{"wire", &Script::wire, "everything, framing too, in sends of at most N bytes"},
    Key{"gap", &Script::gap, "pause between those pieces"},
    Key{"crlf", &Script::crlf, "event stream lines end in CR LF"},
    Key{"cr", &Script::cr, "event stream lines end in CR alone"},
    Key{"bom", &Script::bom, "the event stream begins with a byte order mark"},
    Key{"comments", &Script::comments, "a comment line before each event"},
    Key{"multiline", &Script::multiline, "each event's JSON stands on two data lines"},
    Key{"noise", &Script::noise, "harmless events in between: unknown name, empty data, no JSON"},
    Key{"status", &Script::status, "answer with this status and an error body", 599},
    Key{"times", &Script::times, "only the first N requests for this exact name meet the faults"},
    Key{"status_times", &Script::times, "the same"},
    Key{"retry_after", &Script::retry_after, "a Retry-After header of N seconds"},
    Key{"code", &Script::code, "the code in error bodies and error events"},
    Key{"type", &Script::type, "the type in error bodies and error events"},
    Key{"garbage", &Script::garbage, "bytes that are not HTTP, then close"},
    Key{"redirect", &Script::redirect, "307 to /redirected; /bill counts who follows"},
    Key{"gzip", &Script::gzip, "says Content-Encoding: gzip, sends plain bytes"},
    Key{"html", &Script::html, "200 with a page of HTML"},
    Key{"hints", &Script::hints, "a 103 before the answer"},
    Key{"untilclose", &Script::untilclose,
        "no length, no chunks: the body ends with the connection"},
    Key{"badlength", &Script::badlength, "Content-Length says N bytes more than come, then close",
        mebibyte, 100},
    Key{"overlong", &Script::overlong, "N bytes more come than Content-Length says", mebibyte, 100},
    Key{"head_bytes", &Script::head_bytes, "a response header of N bytes", 16 * mebibyte},
};

std::optional<Count> parse_count(std::string_view text) {
    Count value = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

bool is_word(std::string_view text) {
    constexpr std::string_view letters =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    return !text.empty() && text.size() <= 64 &&
           text.find_first_not_of(letters) == std::string_view::npos;
}

// What a key was given: its value, or nothing when it stands alone.
struct Setter {
    const Key& key;
    std::optional<std::string_view> value;
    Script& script;

    std::optional<Count> count() const {
        const std::optional<Count> parsed = value ? parse_count(*value) : key.bare;
        return parsed && *parsed <= key.most ? parsed : std::nullopt;
    }
    bool operator()(Count Script::* field) const {
        const auto parsed = count();
        if (parsed) script.*field = *parsed;
        return parsed.has_value();
    }
    bool operator()(MaybeCount Script::* field) const {
        script.*field = count();
        return (script.*field).has_value();
    }
    bool operator()(Pause Script::* field) const {
        const auto parsed = value ? parse_pause(*value) : std::nullopt;
        if (parsed) script.*field = *parsed;
        return parsed.has_value();
    }
    bool operator()(bool Script::* field) const {
        const std::string_view text = value.value_or("1");
        script.*field = text == "1";
        return text == "1" || text == "0";
    }
    bool operator()(std::string Script::* field) const {
        if (!value || !is_word(*value)) return false;
        script.*field = *value;
        return true;
    }
};

std::optional<std::string> apply(std::string_view item, Script& script) {
    const std::size_t equals = item.find('=');
    const std::string_view name = item.substr(0, equals);
    std::optional<std::string_view> value;
    if (equals != std::string_view::npos) value = item.substr(equals + 1);
    for (const Key& key : keys) {
        if (key.name != name) continue;
        if (std::visit(Setter{key, value, script}, key.field)) return std::nullopt;
        return fmt::format("`{}`: bad value `{}`", name.substr(0, 40),
                           value.value_or("").substr(0, 40));
    }
    return fmt::format("`{}` is not a key of the script grammar", name.substr(0, 40));
}

std::optional<std::string> contradiction(const Script& script) {
    if (script.stamp && script.size < 34) return "`stamp` needs `size` to be 34 or more";
    if (script.status < 200) return "`status`: bad value";
    if (script.crlf && script.cr) return "`crlf` and `cr` exclude each other";
    return std::nullopt;
}

std::string_view value_of(const Key& key) {
    struct Name {
        std::string_view operator()(Count Script::*) const { return "=N"; }
        std::string_view operator()(MaybeCount Script::*) const { return "=N"; }
        std::string_view operator()(Pause Script::*) const { return "=TIME"; }
        std::string_view operator()(bool Script::*) const { return ""; }
        std::string_view operator()(std::string Script::*) const { return "=WORD"; }
    };
    return std::visit(Name{}, key.field);
}

} // namespace

std::optional<Pause> parse_pause(std::string_view text) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto number = parse_count(text.substr(0, digits));
    if (!number) return std::nullopt;
    const std::string_view unit = text.substr(digits);
    if (unit == "us") return std::chrono::microseconds(*number);
    if (unit == "ms" || unit.empty()) return std::chrono::milliseconds(*number);
    if (unit == "s" && *number <= 1'000'000) return std::chrono::seconds(*number);
    if (unit == "m" && *number <= 10'000) return std::chrono::minutes(*number);
    return std::nullopt;
}

std::expected<Script, std::string> parse_script(std::string_view model) {
    constexpr std::string_view prefix = "sim:";
    Script script;
    if (!model.starts_with(prefix)) return script;
    std::string_view rest = model.substr(prefix.size());
    while (!rest.empty()) {
        const std::size_t comma = rest.find(',');
        if (auto fault = apply(rest.substr(0, comma), script)) return std::unexpected(*fault);
        rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    }
    if (auto fault = contradiction(script)) return std::unexpected(*fault);
    return script;
}

Script without_faults(Script script) {
    const Script fine;
    script.cut = script.eof = script.fin = script.stall = std::nullopt;
    script.malformed = script.error_in = script.retry_after = std::nullopt;
    script.nofinish = script.nodone = script.nousage = script.noise = false;
    script.garbage = script.redirect = script.gzip = script.html = script.untilclose = false;
    script.status = fine.status;
    script.huge = script.badlength = script.overlong = script.head_bytes = 0;
    script.header_delay = script.first = script.hold = Pause{};
    return script;
}

std::string grammar_help() {
    std::string out =
        "A model name `sim:key=value,key,...` scripts the answer; any other name gets the default\n"
        "script. A TIME is 10ms, 50us, 2s or 1m; a key without a value may be given =0 or =1.\n\n";
    for (const Key& key : keys) {
        out += fmt::format("  {:<20}{}\n", fmt::format("{}{}", key.name, value_of(key)), key.help);
    }
    return out + "\nChunk k of the text begins with `k:` and is exactly `size` bytes long. A token "
                 "is four\n"
                 "bytes of text, rounded up for each chunk; the input is four bytes of message "
                 "text a token.\n"
                 "Output is billed when its last byte is written to the socket, the input with the "
                 "first\n"
                 "output, or when the client leaves before it.\n";
}

} // namespace sim
