#include "dialects/usage_json.h"

#include <fmt/core.h>

namespace weir::dialects {

std::string dollars(std::int64_t nanousd) {
    std::string out = fmt::format("{}.{:09}", nanousd / 1'000'000'000, nanousd % 1'000'000'000);
    while (out.ends_with('0') && out[out.size() - 2] != '.') out.pop_back();
    return out;
}

void write_usage(json::Writer& writer, const Closing& closing) {
    if (!closing.usage_raw.empty() && closing.usage_native == chat::Native::openai) {
        writer.raw(closing.usage_raw);
        return;
    }
    const std::int64_t in = closing.usage.input.value();
    const std::int64_t out = closing.usage.output.value();
    writer.begin_object().member("prompt_tokens", in).member("completion_tokens", out);
    writer.member("total_tokens", in + out);
    if (const std::int64_t cached = closing.usage.cached_input.value(); cached > 0)
        writer.key("prompt_tokens_details")
            .begin_object()
            .member("cached_tokens", cached)
            .end_object();
    if (const std::int64_t thought = closing.usage.reasoning.value(); thought > 0)
        writer.key("completion_tokens_details")
            .begin_object()
            .member("reasoning_tokens", thought)
            .end_object();
    writer.end_object();
}

void write_x_weir(json::Writer& writer, const Closing& closing) {
    writer.begin_object().member("provider", closing.provider).member("model", closing.model);
    writer.key("cost_usd").raw(dollars(closing.nanousd));
    writer.key("estimated").boolean(closing.estimated).end_object();
}

} // namespace weir::dialects
