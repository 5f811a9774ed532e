#include "exchange.h"

#include <fmt/format.h>

namespace load {
namespace {

using simdjson::SUCCESS;
using simdjson::dom::element;

// One parser serves all exchanges: nothing of a document outlives the call that parsed it.
simdjson::dom::parser& parser() {
    static simdjson::dom::parser one;
    return one;
}

std::string code_of(element error) {
    std::string_view word;
    if (error["code"].get(word) != SUCCESS && error["type"].get(word) != SUCCESS) word = "unknown";
    return std::string(word.substr(0, 64));
}

} // namespace

Exchange::Exchange(const Plan& plan, Measured& measured, std::string_view prompt,
                   std::uint64_t began_at)
    : plan_(plan), measured_(measured), text_(plan.script, prompt), began_at_(began_at) {}

void Exchange::fail(std::string kind) {
    if (failure_.empty()) failure_ = std::move(kind);
    over_ = true;
}

bool Exchange::feed(std::string_view bytes, std::uint64_t now) {
    measured_.bytes += bytes.size();
    const auto state = reader_.feed(bytes);
    const bool streamed = plan_.mode != Mode::json && reader_.status() == 200;
    if (streamed) read_events(now);
    if (state == ResponseReader::State::bad) fail("bad_http");
    if (state == ResponseReader::State::done && !over_) return finish(now);
    return over_;
}

bool Exchange::end_of_input(std::string_view how, std::uint64_t now) {
    if (reader_.end_of_input() == ResponseReader::State::done && !over_) return finish(now);
    fail(std::string(how));
    return true;
}

bool Exchange::finish(std::uint64_t now) {
    over_ = true;
    if (reader_.status() != 200) {
        read_error();
        return true;
    }
    if (plan_.mode == Mode::json) {
        read_whole();
    } else if (!finish_seen_) {
        fail("no_finish");
    } else if (!done_seen_) {
        fail("no_done");
    }
    if (failure_.empty() && plan_.checks_text && !text_.complete()) fail("short_text");
    if (failure_.empty()) measured_.latency.add(now - began_at_);
    return true;
}

void Exchange::read_error() {
    std::string& body = reader_.body();
    element root;
    element error;
    std::string code = "unknown";
    if (parser().parse(body).get(root) == SUCCESS && root["error"].get(error) == SUCCESS) {
        code = code_of(error);
    }
    fail(fmt::format("status_{}:{}", reader_.status(), code));
}

void Exchange::read_whole() {
    element root;
    if (parser().parse(reader_.body()).get(root) != SUCCESS) return fail("bad_json");
    element choice;
    std::string_view text;
    std::string_view reason;
    if (root["choices"].at(0).get(choice) != SUCCESS) return fail("no_choice");
    if (choice["finish_reason"].get(reason) != SUCCESS) return fail("no_finish");
    if (choice["message"]["content"].get(text) != SUCCESS && plan_.checks_text) {
        return fail("no_text");
    }
    if (plan_.checks_text && !text_.feed(text)) fail("wrong_text");
}

// Events end with an empty line. Weir and the simulator write LF; CR LF is read too.
void Exchange::read_events(std::uint64_t now) {
    std::string& body = reader_.body();
    std::size_t begin = 0;
    while (!over_) {
        const std::size_t line = body.find("\n\n", begin);
        const std::size_t crlf = body.find("\r\n\r\n", begin);
        const std::size_t end = std::min(line, crlf);
        if (end == std::string::npos) break;
        read_event(std::string_view(body).substr(begin, end - begin), now);
        begin = end + (end == crlf ? 4U : 2U);
    }
    body.erase(0, begin);
}

void Exchange::read_event(std::string_view event, std::uint64_t now) {
    std::string data;
    while (!event.empty()) {
        std::string_view line = event.substr(0, event.find('\n'));
        event.remove_prefix(std::min(event.size(), line.size() + 1));
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (!line.starts_with("data:")) continue;
        line.remove_prefix(line.starts_with("data: ") ? 6 : 5);
        if (!data.empty()) data += '\n';
        data += line;
    }
    if (data.empty()) return;
    if (data == "[DONE]") {
        done_seen_ = true;
        return;
    }
    read_chunk(data, now);
}

void Exchange::read_chunk(std::string_view json, std::uint64_t now) {
    element root;
    if (parser().parse(json.data(), json.size()).get(root) != SUCCESS) return fail("bad_json");
    element error;
    if (root["error"].get(error) == SUCCESS) return fail("error_event:" + code_of(error));
    element choice;
    if (root["choices"].at(0).get(choice) != SUCCESS) return;
    std::string_view word;
    if (choice["delta"]["content"].get(word) == SUCCESS && !word.empty()) read_text(word, now);
    if (choice["finish_reason"].get(word) == SUCCESS) finish_seen_ = true;
}

void Exchange::read_text(std::string_view text, std::uint64_t now) {
    if (!begun_) measured_.first_event.add(now - began_at_);
    begun_ = true;
    ++measured_.chunks;
    if (!plan_.checks_text) return;
    if (!text_.feed(text)) return fail("wrong_text");
    const std::uint64_t stamp = text_.take_stamp();
    if (stamp != 0 && stamp <= now) measured_.chunk.add(now - stamp);
}

} // namespace load
