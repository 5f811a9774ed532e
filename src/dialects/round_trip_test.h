#pragma once
// What round trips are made of: answers told at random, which a seed alone decides, and what an
// answer comes to once it is told. For tests alone, and owned by the one that made it.

#include "chat/chat_event.h"
#include "dialects/answer_encoder.h"
#include "dialects/stream_decoder.h"
#include "json/canonical.h"
#include "json/writer.h"

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace weir::dialects::round_trip {

class Chance {
public:
    explicit Chance(std::uint64_t seed) : engine_(seed) {}

    std::size_t below(std::size_t n) { return static_cast<std::size_t>(engine_() % n); }
    std::size_t between(std::size_t least, std::size_t most) {
        return least + below(most - least + 1);
    }
    bool one_in(std::size_t n) { return below(n) == 0; }
    std::string_view one_of(std::span<const std::string_view> list) {
        return list[below(list.size())];
    }

private:
    std::mt19937_64 engine_;
};

// Pieces of text that escaping, framing and splitting are known to damage. Never empty.
inline std::string random_text(Chance& chance, std::size_t pieces_max = 4) {
    static constexpr std::array<std::string_view, 20> pieces{"a",
                                                             "word ",
                                                             "Gr\xc3\xbc\xc3\x9f"
                                                             "e ",
                                                             "\n",
                                                             "\r\n",
                                                             "\n\n",
                                                             "\"",
                                                             "\\",
                                                             "\\u00e9",
                                                             "\t",
                                                             "\x01",
                                                             "\xe2\x98\x82",
                                                             "data: ",
                                                             "[DONE]",
                                                             "{\"a\":1}",
                                                             "</s>",
                                                             "\x7f",
                                                             "\xf0\x9f\x9a\xa2",
                                                             "\xe2\x80\xa8",
                                                             "0"};
    std::string out;
    for (std::size_t n = chance.between(1, pieces_max); n > 0; --n) out += chance.one_of(pieces);
    return out;
}

// A JSON value as a text of its own, spaced as it comes.
inline std::string random_json(Chance& chance, std::size_t depth);

inline std::string random_object(Chance& chance, std::size_t depth = 2) {
    static constexpr std::array<std::string_view, 3> spaces{"", " ", "\n  "};
    std::string out = "{";
    const std::size_t members = chance.below(4);
    for (std::size_t n = 0; n < members; ++n) {
        if (n > 0) out += ',';
        out += chance.one_of(spaces);
        json::append_quoted(out, std::to_string(n) + random_text(chance, 2));
        out += ':';
        out += chance.one_of(spaces);
        out += random_json(chance, depth);
    }
    return out += "}";
}

inline std::string random_json(Chance& chance, std::size_t depth) {
    static constexpr std::array<std::string_view, 7> plain{"null", "true",   "false", "0",
                                                           "-7",   "1.5e-3", "[]"};
    if (depth > 0 && chance.one_in(4)) return random_object(chance, depth - 1);
    if (depth > 0 && chance.one_in(4)) return "[" + random_json(chance, depth - 1) + " ,\"\"]";
    if (chance.one_in(2)) return std::string(chance.one_of(plain));
    std::string out;
    json::append_quoted(out, random_text(chance));
    return out;
}

// The same for all texts that mean the same; what is no JSON is itself.
inline std::string canonical(std::string_view text) {
    std::string out;
    if (const auto document = json::Document::parse(text))
        json::append_canonical(out, document->root());
    return out.empty() ? std::string(text) : out;
}

struct Answer {
    std::vector<chat::ChatEvent> events;
    Closing closing;
};

// Which answers are told. Arguments that a limit has cut are no JSON any more.
enum class Arguments : std::uint8_t { whole, may_be_cut };

class AnswerTeller {
public:
    AnswerTeller(Chance& chance, Arguments arguments) : chance_(chance), arguments_(arguments) {}

    Answer tell() {
        chat::Started started;
        if (!chance_.one_in(8)) started.id = "answer-" + std::to_string(chance_.below(1000));
        started.model = random_text(chance_);
        started.created = static_cast<std::int64_t>(chance_.below(2'000'000'000));
        out_.events.emplace_back(std::move(started));
        for (std::size_t runs = chance_.below(6); runs > 0; --runs) tell_run();
        finish();
        return std::move(out_);
    }

private:
    void tell_run() {
        const std::size_t kind = chance_.below(6);
        if (kind >= 4) return tell_calls();
        const std::string field = chance_.one_in(2) ? "reasoning_content" : "reasoning";
        for (std::size_t pieces = chance_.between(1, 5); pieces > 0; --pieces) {
            std::string text = random_text(chance_);
            if (kind <= 1) out_.events.emplace_back(chat::TextDelta{0, std::move(text), {}});
            else if (kind == 2)
                out_.events.emplace_back(chat::ReasoningDelta{0, std::move(text), field, {}});
            else out_.events.emplace_back(chat::RefusalDelta{0, std::move(text), {}});
            // What is said beside the answer itself changes nothing.
            if (chance_.one_in(16))
                out_.events.emplace_back(chat::OtherDelta{0, {"\"padding\":1", {}, {}}});
        }
    }

    // A few calls, one after another or in turns; each begins in its order.
    void tell_calls() {
        std::vector<std::vector<std::string>> rests; // the last piece first
        const std::uint32_t first = calls_;
        for (std::size_t count = chance_.between(1, 3); count > 0; --count) {
            const bool waits = chance_.one_in(2);
            begin_call();
            rests.push_back(random_pieces());
            if (!waits) go_on(first, rests.size() - 1, rests.back().size(), rests.back());
        }
        while (true) {
            std::vector<std::size_t> unfinished;
            for (std::size_t i = 0; i < rests.size(); ++i)
                if (!rests[i].empty()) unfinished.push_back(i);
            if (unfinished.empty()) return;
            const std::size_t i = unfinished[chance_.below(unfinished.size())];
            go_on(first, i, 1, rests[i]);
        }
    }

    void begin_call() {
        chat::ToolCallDelta begun;
        begun.call = calls_++;
        begun.called = std::make_shared<const chat::ToolCallDelta::Called>(
            "call_" + std::to_string(begun.call) + "-x", "tool_" + std::to_string(chance_.below(3)),
            std::string());
        out_.events.emplace_back(std::move(begun));
    }

    void go_on(std::uint32_t first, std::size_t call, std::size_t pieces,
               std::vector<std::string>& rest) {
        for (; pieces > 0; --pieces) {
            chat::ToolCallDelta more;
            more.call = first + static_cast<std::uint32_t>(call);
            more.arguments = std::move(rest.back());
            rest.pop_back();
            out_.events.emplace_back(std::move(more));
        }
    }

    // Arguments in pieces of whole letters, the last piece first.
    std::vector<std::string> random_pieces() {
        std::vector<std::string> out;
        if (chance_.one_in(6)) return out; // a call without any
        std::string piece;
        for (const char c : random_object(chance_)) {
            const bool inside = (static_cast<unsigned char>(c) & 0xc0) == 0x80;
            if (!inside && !piece.empty() && chance_.one_in(5))
                out.push_back(std::exchange(piece, {}));
            piece += c;
        }
        out.push_back(std::move(piece));
        std::ranges::reverse(out);
        return out;
    }

    void finish() {
        static constexpr std::array<std::string_view, 4> reasons{"stop", "length", "tool_calls",
                                                                 "content_filter"};
        const std::string reason(chance_.one_of(reasons));
        const auto* const last = std::get_if<chat::ToolCallDelta>(&out_.events.back());
        if (reason == "length" && arguments_ == Arguments::may_be_cut && last && !last->called)
            out_.events.pop_back();
        out_.events.emplace_back(chat::ChoiceFinished{0, reason, {}});
        chat::Usage& usage = out_.closing.usage;
        const std::size_t input = chance_.below(100'000);
        const std::size_t output = chance_.below(100'000);
        const auto tokens = [](std::size_t n) { return Tokens(static_cast<std::int64_t>(n)); };
        usage.input = tokens(input);
        usage.output = tokens(output);
        usage.cached_input = tokens(chance_.below(input + 1));
        usage.reasoning = tokens(chance_.below(output + 1));
        out_.closing.provider = "p";
        out_.closing.model = random_text(chance_);
        out_.closing.nanousd = static_cast<std::int64_t>(chance_.below(1'000'000'000));
    }

    Chance& chance_;
    Arguments arguments_;
    Answer out_;
    std::uint32_t calls_ = 0;
};

inline Answer random_answer(Chance& chance, Arguments arguments) {
    return AnswerTeller(chance, arguments).tell();
}

struct Call {
    std::string id;
    std::string name;
    std::string arguments;
};

// What an answer comes to.
struct Said {
    enum class Kind : std::uint8_t { text, reasoning, refusal };
    struct Run {
        Kind kind;
        std::string text;
    };
    std::vector<Run> runs; // no two neighbours of one kind
    std::map<std::uint32_t, Call> calls;
    std::string finish;
    std::string model;
    chat::Usage usage;

    void take(const chat::ChatEvent& event) {
        if (const auto* const e = std::get_if<chat::Started>(&event)) model = e->model;
        if (const auto* const e = std::get_if<chat::TextDelta>(&event)) say(Kind::text, e->text);
        if (const auto* const e = std::get_if<chat::ReasoningDelta>(&event))
            say(Kind::reasoning, e->text);
        if (const auto* const e = std::get_if<chat::RefusalDelta>(&event))
            say(Kind::refusal, e->text);
        if (const auto* const e = std::get_if<chat::ToolCallDelta>(&event)) {
            Call& call = calls[e->call];
            call.id += e->id();
            call.name += e->name();
            call.arguments += e->arguments;
        }
        if (const auto* const e = std::get_if<chat::ChoiceFinished>(&event)) finish = e->reason;
        if (const auto* const e = std::get_if<chat::UsageReport>(&event)) usage = e->usage;
    }
    void say(Kind kind, std::string_view text) {
        if (text.empty()) return;
        if (runs.empty() || runs.back().kind != kind) runs.push_back({kind, {}});
        runs.back().text += text;
    }

    // As one text, to be compared. Calls are told apart by their ids: their order may be another.
    std::string told() const {
        static constexpr std::array<std::string_view, 3> names{"text", "reasoning", "refusal"};
        std::string out = "model ";
        json::append_quoted(out, model);
        for (const Run& run : runs) {
            (out += '\n') += names[static_cast<std::size_t>(run.kind)];
            json::append_quoted(out += ' ', run.text);
        }
        std::map<std::string, const Call*> by_id;
        for (const auto& [number, call] : calls) by_id[call.id] = &call;
        for (const auto& [id, call] : by_id)
            out += "\ncall " + id + " " + call->name + " " +
                   (call->arguments.empty() ? "{}" : call->arguments);
        out += "\ncalls " + std::to_string(calls.size()) + "\nfinish " + finish;
        for (const Tokens count : {usage.input, usage.cached_input, usage.output, usage.reasoning})
            out += " " + std::to_string(count.value());
        return out;
    }
};

inline Said said_by(const Answer& answer) {
    Said out;
    for (const chat::ChatEvent& event : answer.events) out.take(event);
    out.usage = answer.closing.usage;
    return out;
}

inline std::string streamed_by(StreamEncoder& encoder, const Answer& answer) {
    std::string out;
    for (const chat::ChatEvent& event : answer.events) encoder.event(event, out);
    encoder.close(answer.closing, out);
    return out;
}

} // namespace weir::dialects::round_trip
