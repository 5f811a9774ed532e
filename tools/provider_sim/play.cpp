#include "play.h"

#include <fmt/format.h>

#include <iterator>

#include "json_text.h"

namespace sim {
namespace {

Script thinking_of(const Script& script) {
    Script thinking;
    thinking.chunks = script.reasoning;
    thinking.size = script.size;
    return thinking;
}

std::string prefix_of(const Script& script, Title title) {
    std::string out = fmt::format(
        R"({{"id":"chatcmpl-sim-{}","object":"chat.completion.chunk","created":{},"model":)",
        title.id, title.created);
    append_json_string(out, title.model);
    out += R"(,"system_fingerprint":"fp_sim",)";
    if (script.extra) out += R"("x_vendor":{"region":"nowhere","n":[1,2,3]},)";
    return out;
}

} // namespace

Play::Play(const Script& script, Title title, const Prompt& prompt)
    : script_(script),
      include_usage_(prompt.include_usage && !script.nousage),
      events_(script),
      text_(script, prompt),
      thinking_(thinking_of(script)),
      thoughts_(thinking_, Prompt()),
      counts_{prompt.tokens, 0, 0},
      prefix_(prefix_of(script, title)),
      id_(title.id) {}

void Play::begin_json() {
    json_ = prefix_;
    json_ += R"("choices":[{"index":0,"delta":{)";
}

void Play::end_json(std::string& sse, std::string_view reason) {
    json_ += R"(},"logprobs":null,"finish_reason":)";
    if (reason.empty()) {
        json_ += "null";
    } else {
        append_json_string(json_, reason);
    }
    json_ += "}]";
    if (script_.extra)
        fmt::format_to(std::back_inserter(json_), R"(,"x_count":{})", text_.written());
    if (script_.running) {
        json_ += R"(,"usage":)";
        append_usage(json_, script_, counts_);
    } else if (include_usage_) {
        json_ += R"(,"usage":null)";
    }
    json_ += '}';
    events_.data(sse, json_);
}

Next Play::next(std::string& sse, std::uint64_t now_ns) {
    switch (part_) {
    case Part::opening: return opening(sse);
    case Part::reasoning: return reasoning(sse);
    case Part::content: return content(sse, now_ns);
    case Part::finish: return finish(sse);
    case Part::usage: return usage(sse);
    case Part::done: break;
    }
    if (!script_.nodone) events_.data(sse, "[DONE]");
    return {.then = script_.nofinish ? Then::ended_early : Then::finished};
}

Next Play::opening(std::string& sse) {
    part_ = Part::reasoning;
    events_.begin(sse);
    if (!script_.role) return {};
    begin_json();
    json_ += R"("role":"assistant","content":)";
    json_ += script_.tools > 0 ? "null" : "\"\"";
    json_ += R"(,"refusal":null)";
    end_json(sse, "");
    return {};
}

Next Play::reasoning(std::string& sse) {
    if (thoughts_.done()) {
        part_ = Part::content;
        return {};
    }
    begin_json();
    json_ += R"("reasoning_content":")";
    const std::uint64_t tokens = thoughts_.append_next(json_, 0);
    json_ += '"';
    counts_.reasoning += tokens;
    counts_.output += tokens;
    end_json(sse, "");
    return {.tokens = tokens, .pause = script_.delay};
}

Next Play::content(std::string& sse, std::uint64_t now_ns) {
    if (strikes(script_.cut)) return {.then = Then::reset};
    if (strikes(script_.eof)) return {.then = Then::ended_early};
    if (strikes(script_.stall)) return {.then = Then::silence};
    if (strikes(script_.error_in)) {
        events_.data(sse, error_json({.message = "The model ran into an error in mid-stream.",
                                      .type = script_.type,
                                      .code = script_.code}));
        return {.then = Then::ended_early};
    }
    const bool breaks = strikes(script_.fin);
    if (text_.done() && !breaks) {
        part_ = Part::finish;
        return {};
    }
    events_.noise(sse);
    const bool damaged = strikes(script_.malformed);
    begin_json();
    const std::uint64_t before = text_.tokens();
    if (text_.done()) {
        json_ += R"("content":"")";
    } else if (script_.tools > 0) {
        write_arguments(sse, now_ns);
    } else {
        write_text(now_ns);
    }
    if (damaged) {
        json_.resize(json_.size() - 2);
        events_.data(sse, json_);
        return {.pause = script_.delay};
    }
    const std::uint64_t tokens = text_.tokens() - before;
    counts_.output += tokens;
    end_json(sse, "");
    if (breaks) return {.then = Then::broken_off};
    return {.tokens = tokens, .chunks = 1, .pause = text_.done() ? Pause() : script_.delay};
}

void Play::write_text(std::uint64_t now_ns) {
    json_ += R"("content":")";
    text_.append_next(json_, now_ns);
    json_ += '"';
}

// The chunks are shared out evenly, one call after the other; each call's arguments are
// `{"text":"..."}`.
void Play::write_arguments(std::string& sse, std::uint64_t now_ns) {
    const auto call_of = [this](std::uint64_t chunk) {
        return chunk * script_.tools / std::max(script_.chunks, 1U);
    };
    const std::uint64_t chunk = text_.written();
    const std::uint64_t call = call_of(chunk);
    const bool opens = chunk == 0 || call_of(chunk - 1) != call;
    if (opens) {
        fmt::format_to(std::back_inserter(json_),
                       R"("tool_calls":[{{"index":{},"id":"call_{}_{}","type":"function",)"
                       R"("function":{{"name":"simulate","arguments":""}}}}])",
                       call, id_, call);
        end_json(sse, "");
        begin_json();
    }
    fmt::format_to(std::back_inserter(json_),
                   R"("tool_calls":[{{"index":{},"function":{{"arguments":"{}{})", call,
                   opens ? R"({\"text\":)" : "", opens ? R"(\")" : "");
    text_.append_next(json_, now_ns);
    if (text_.done() || call_of(chunk + 1) != call) json_ += R"(\"})";
    json_ += R"("}}])";
}

Next Play::finish(std::string& sse) {
    part_ = Part::usage;
    if (script_.nofinish) return {};
    begin_json();
    end_json(sse, finish_reason(script_, text_));
    return {};
}

Next Play::usage(std::string& sse) {
    part_ = Part::done;
    if (!include_usage_) return {};
    json_ = prefix_;
    json_ += R"("choices":[],"usage":)";
    append_usage(json_, script_, counts_);
    json_ += '}';
    events_.data(sse, json_);
    return {};
}

} // namespace sim
