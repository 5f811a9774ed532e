// The script inside a model name: `sim:key=value,key,key=value`. Says how the answer looks, how
// fast it comes and how it goes wrong. A name that does not begin with `sim:` is the default
// script. Pure; the table behind it is also the help.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "text.h"

namespace sim {

using Count = std::uint32_t;
using MaybeCount = std::optional<std::uint32_t>;
using Pause = std::chrono::nanoseconds;

struct Script {
    Count chunks = 8;
    Count size = 16;
    Count huge = 0;
    Count reasoning = 0;
    Count tools = 0;
    bool utf8 = false;
    bool stamp = false;
    bool echo = false;
    bool obey = false;
    bool role = true;
    bool extra = false;
    std::string finish;

    Pause header_delay{};
    Pause first{};
    Pause delay{};
    Pause hold{};
    Pause gap{};

    MaybeCount cut;
    MaybeCount eof;
    MaybeCount fin;
    MaybeCount stall;
    MaybeCount malformed;
    MaybeCount error_in;
    bool nofinish = false;
    bool nodone = false;

    MaybeCount usage_in;
    MaybeCount usage_out;
    Count cached = 0;
    bool nousage = false;
    bool running = false;

    Count split = 0;
    Count wire = 0;
    bool crlf = false;
    bool cr = false;
    bool bom = false;
    bool comments = false;
    bool multiline = false;
    bool noise = false;

    Count status = 200;
    Count times = 0;
    MaybeCount retry_after;
    std::string code;
    std::string type;
    bool garbage = false;
    bool redirect = false;
    bool gzip = false;
    bool html = false;
    bool hints = false;
    bool untilclose = false;
    Count badlength = 0;
    Count overlong = 0;
    Count head_bytes = 0;

    TextShape shape() const { return {chunks, size, huge, stamp, utf8}; }
};

// Errors: one line that names the key at fault.
std::expected<Script, std::string> parse_script(std::string_view model);

// The same script without its faults; it answers once `times` requests have met them.
Script without_faults(Script script);

// `10ms`, `50us`, `2s`, `1m`; a number alone is milliseconds.
std::optional<Pause> parse_pause(std::string_view text);

// One line for each key, for --help.
std::string grammar_help();

} // namespace sim
