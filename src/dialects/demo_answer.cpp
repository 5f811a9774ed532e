#include "dialects/demo_answer.h"

#include "base/text.h"

namespace weir::dialects {
namespace {

constexpr std::size_t quoted_bytes = 200;

std::int64_t tokens_of(std::size_t bytes) { return static_cast<std::int64_t>((bytes + 3) / 4); }

} // namespace

std::vector<chat::ChatEvent> demo_answer(const chat::ChatRequest& request, std::int64_t now) {
    std::size_t input_bytes = 0;
    std::string_view last;
    for (const chat::Message& message : request.messages()) {
        for (const std::string_view text : message.texts) {
            input_bytes += text.size();
            if (message.speaker == chat::Speaker::user) last = text;
        }
    }
    const std::string answer =
        "This is Weir's built-in demo. I am not a language model: no provider is configured yet. "
        "You wrote: \"" +
        clip(last, quoted_bytes) +
        "\". Set a key such as OPENAI_API_KEY, or name a provider in weir.yaml, and a real model "
        "answers here.";

    std::vector<chat::ChatEvent> out;
    chat::Started started;
    started.id = "chatcmpl-demo";
    started.model = "demo";
    started.created = now;
    out.emplace_back(std::move(started));
    // A token is taken to be four bytes, so the bound of the request is a bound here too.
    std::size_t allowed = answer.size();
    if (const auto max = request.max_output_tokens())
        allowed = std::min(allowed, static_cast<std::size_t>(*max) * 4);
    const std::string shown = clip(answer, allowed);
    for (std::size_t at = 0; at < shown.size();) {
        const std::size_t space = std::min(shown.find(' ', at), shown.size() - 1);
        out.emplace_back(chat::TextDelta{0, shown.substr(at, space + 1 - at), {}});
        at = space + 1;
    }
    out.emplace_back(chat::ChoiceFinished{0, shown.size() < answer.size() ? "length" : "stop", {}});
    chat::Usage usage;
    usage.input = Tokens(tokens_of(input_bytes));
    usage.output = Tokens(tokens_of(shown.size()));
    out.emplace_back(chat::UsageReport{usage, {}});
    return out;
}

} // namespace weir::dialects
