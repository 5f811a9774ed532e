#include "answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace sim {
namespace {

constexpr std::size_t enough_queued = 16U << 10U;
constexpr std::string_view event_stream = "text/event-stream; charset=utf-8";

Prompt prompt_of(const Order& order, const Script& script) {
    return {.tokens = tokens_of(order.body.text_bytes),
            .echo = script.echo ? std::string(order.body.last_user_text) : std::string(),
            .max_tokens = order.body.max_tokens,
            .include_usage = order.body.include_usage};
}

Nanos nanos(Pause pause) { return static_cast<Nanos>(pause.count()); }

} // namespace

Answer::Answer(const Order& order)
    : model_(order.model),
      script_(model_.next_script()),
      delivery_(order.body.delivery),
      prompt_(prompt_of(order, script_)),
      title_{order.id, order.unix_seconds, model_.name},
      persistence_(order.persistence),
      due_(order.now + nanos(script_.header_delay)) {
    if (delivery_ == Delivery::whole) due_ += nanos(script_.hold);
    ++model_.tally.requests;
    ++model_.tally.open;
}

Step Answer::advance(Outbox& out, Nanos now) {
    if (end_) return *end_;
    if (now < due_) return Step::wait;
    if (begun_) return stream(out, now);
    begun_ = true;
    return begin(out);
}

Step Answer::finish(Step step) {
    if (step == Step::done && persistence_ == Persistence::close) step = Step::close;
    end_ = step;
    return step;
}

Step Answer::begin(Outbox& out) {
    if (script_.hints) out.bytes() += "HTTP/1.1 103 Early Hints\r\nlink: </x>; rel=preload\r\n\r\n";
    if (script_.garbage) {
        out.bytes() += "\x16\x03\x01\x02 this is not HTTP\r\n\x01\xff\xfe\r\n\r\n";
        good_ = false;
        return finish(Step::close);
    }
    if (script_.redirect || script_.status != 200) return error(out);
    if (delivery_ == Delivery::whole || script_.html) return whole(out);
    open_stream(out);
    due_ += nanos(script_.first);
    return Step::more;
}

void Answer::head(Outbox& out, std::string_view content_type, std::string_view framing) const {
    const std::uint32_t status = script_.redirect ? 307 : script_.status;
    auto to = std::back_inserter(out.bytes());
    fmt::format_to(to, "HTTP/1.1 {} {}\r\ncontent-type: {}\r\nx-request-id: sim-{}\r\n", status,
                   reason_phrase(status), content_type, title_.id);
    if (script_.redirect) out.bytes() += "location: /redirected\r\n";
    if (script_.gzip) out.bytes() += "content-encoding: gzip\r\n";
    if (script_.retry_after) fmt::format_to(to, "retry-after: {}\r\n", *script_.retry_after);
    if (script_.head_bytes != 0) {
        out.bytes() += "x-padding: ";
        out.bytes().append(script_.head_bytes, 'x');
        out.bytes() += "\r\n";
    }
    if (persistence_ == Persistence::close || !framed()) out.bytes() += "connection: close\r\n";
    out.bytes() += framing;
    out.bytes() += "\r\n";
}

Step Answer::error(Outbox& out) {
    const std::string body = error_json(
        {.status = script_.status, .message = "", .type = script_.type, .code = script_.code});
    head(out, "application/json", fmt::format("content-length: {}\r\n", body.size()));
    out.bytes() += body;
    good_ = false;
    return finish(Step::done);
}

Step Answer::whole(Outbox& out) {
    if (script_.html) {
        constexpr std::string_view page =
            "<!doctype html><title>Welcome</title><p>Please sign in.\n";
        head(out, "text/html", fmt::format("content-length: {}\r\n", page.size()));
        out.bytes() += page;
        good_ = false;
        return finish(Step::done);
    }
    TextSource text(script_, prompt_);
    Counts counts{prompt_.tokens, 0, 0};
    const std::string body = completion_json(script_, title_, text, counts);
    const bool broken = script_.cut || script_.eof || script_.fin || script_.stall ||
                        script_.malformed || script_.error_in;
    if (broken) return broken_whole(out, body);
    const std::size_t length =
        body.size() + script_.badlength - std::min<std::size_t>(script_.overlong, body.size());
    head(out, "application/json",
         script_.untilclose ? "" : fmt::format("content-length: {}\r\n", length));
    out.bytes() += body;
    out.mark({.tokens_out = counts.output, .chunks = text.written()});
    good_ = !script_.nofinish && script_.badlength == 0 && script_.overlong == 0;
    return finish(framed() ? Step::done : Step::close);
}

// A whole answer has no chunk to fail after, so each fault strikes once, in the middle of the body.
Step Answer::broken_whole(Outbox& out, std::string_view body) {
    good_ = false;
    std::string shown(body.substr(0, body.size() / 2));
    if (script_.error_in) {
        shown = error_json({.message = "", .type = script_.type, .code = script_.code});
    }
    const bool proper = script_.malformed || script_.error_in;
    head(out, "application/json",
         fmt::format("content-length: {}\r\n", proper ? shown.size() : body.size()));
    out.bytes() += shown;
    if (proper) return finish(Step::done);
    if (script_.stall) return finish(Step::silence);
    return finish(script_.cut ? Step::reset : Step::close);
}

void Answer::open_stream(Outbox& out) {
    std::string_view framing = "transfer-encoding: chunked\r\n";
    if (script_.untilclose) framing = "";
    // How long a stream gets is not known before its end, so the false length is simply never
    // reached.
    if (script_.badlength != 0) framing = "content-length: 1000000000\r\n";
    head(out, event_stream, framing);
    play_.emplace(script_, title_, prompt_);
}

Step Answer::stream(Outbox& out, Nanos now) {
    while (out.waiting() < enough_queued) {
        if (now < due_) return Step::wait;
        sse_.clear();
        const Next next = play_->next(sse_, now);
        if (next.then == Then::broken_off) {
            fmt::format_to(std::back_inserter(out.bytes()), "{:x}\r\n", sse_.size());
            out.bytes() += std::string_view(sse_).substr(0, sse_.size() / 2);
            good_ = false;
            return finish(Step::close);
        }
        frame(out, sse_);
        if (next.tokens + next.chunks > 0) out.mark({next.tokens, next.chunks});
        if (next.then != Then::more) return after(out, next.then);
        due_ += nanos(next.pause);
    }
    return Step::more;
}

Step Answer::after(Outbox& out, Then then) {
    good_ = then == Then::finished;
    if (then == Then::reset) return finish(Step::reset);
    if (then == Then::silence) return finish(Step::silence);
    if (!framed()) return finish(Step::close);
    out.bytes() += "0\r\n\r\n";
    return finish(Step::done);
}

void Answer::frame(Outbox& out, std::string_view sse) const {
    while (!sse.empty()) {
        const std::string_view piece = script_.split == 0 ? sse : sse.substr(0, script_.split);
        sse.remove_prefix(piece.size());
        if (framed()) fmt::format_to(std::back_inserter(out.bytes()), "{:x}\r\n", piece.size());
        out.bytes() += piece;
        if (framed()) out.bytes() += "\r\n";
        if (script_.split != 0) out.end_piece();
    }
}

void Answer::bill_input() {
    if (input_billed_) return;
    input_billed_ = true;
    model_.tally.tokens_in += prompt_.tokens;
}

void Answer::delivered(Receipt receipt) {
    if (receipt.tokens_out == 0 && receipt.chunks == 0) return;
    bill_input();
    delivered_.chunks += receipt.chunks;
    model_.tally.tokens_out += receipt.tokens_out;
}

void Answer::settle() {
    // An answer without a word, such as chunks=0, still read its prompt.
    if (good_) bill_input();
    ++(good_ ? model_.tally.completed : model_.tally.failed);
    --model_.tally.open;
}

// A provider charges the input to a client who leaves before the answer, but not where it is itself
// the one who would never have answered.
void Answer::abandoned() {
    const bool would_have_answered = script_.status == 200 && script_.stall != 0U;
    if (would_have_answered) bill_input();
    ++model_.tally.aborted;
    --model_.tally.open;
}

} // namespace sim
