#include "upstream/streamed_answer.h"

#include "base/limits.h"
#include "base/secret.h"

#include <fmt/core.h>
#include <iterator>

namespace weir::upstream {

using chat::ChatEvent;

StreamedAnswer::StreamedAnswer(net::Call call, Parts parts)
    : call_(std::move(call)),
      loop_(parts.loop),
      pace_(parts.pace),
      decoder_(std::move(parts.decoder)),
      choices_(parts.choices),
      credential_(parts.credential) {}

net::Task<Result<std::vector<ChatEvent>>> StreamedAnswer::next() {
    if (!early_.empty()) co_return std::exchange(early_, {});
    if (failure_) co_return std::unexpected(*std::exchange(failure_, {}));
    while (!ended_) {
        const auto wait = pace_.patience(loop_);
        if (!wait) co_return std::unexpected(wait.error());
        const auto bytes = co_await call_.read_body(*wait);
        std::vector<ChatEvent> events;
        CO_CHECK(bytes && !bytes->empty() ? take(*bytes, events) : take_end(bytes, events));
        if (!events.empty()) co_return events;
    }
    co_return std::vector<ChatEvent>();
}

net::Task<Result<void>> StreamedAnswer::open(Deadline first_event) {
    const Deadline whole = std::exchange(pace_.deadline, pace_.deadline.earlier(first_event));
    std::vector<ChatEvent> opening;
    bool meaningful = false;
    std::size_t bytes = 0;
    while (!meaningful) {
        CO_TRY(auto events, co_await next());
        if (events.empty())
            co_return refuse(Error(Errc::stream_truncated).because("an answer without any event"));
        meaningful = std::ranges::any_of(events, chat::is_meaningful);
        for (const ChatEvent& event : events) bytes += chat::kept_bytes(event);
        if (bytes > limits::stream_bytes / 2)
            co_return refuse(Error(Errc::upstream_malformed)
                                 .because("too much before the first event that means anything"));
        std::ranges::move(events, std::back_inserter(opening));
    }
    early_ = std::move(opening);
    pace_.deadline = whole;
    co_return Result<void>();
}

Result<void> StreamedAnswer::take(std::string_view bytes, std::vector<ChatEvent>& events) {
    auto decoded = decoder_->feed(bytes, events);
    if (!decoded) {
        end();
        if (decoder_->finished()) {
            note_after_finish(decoded.error());
            return {};
        }
        Error fault = masked(std::move(decoded).error());
        if (events.empty()) return std::unexpected(std::move(fault));
        // What came before the fault was said; the fault is told next.
        failure_ = std::move(fault);
        return {};
    }
    date(events, loop_.clock().wall());
    if (!decoder_->done()) return {};
    end();
    if (!decoder_->finished())
        return refuse(Error(Errc::stream_truncated).because("its last word without a finish"));
    call_.finish_ready();
    return {};
}

Result<void> StreamedAnswer::take_end(const Result<std::string_view>& bytes,
                                      std::vector<ChatEvent>& events) {
    auto rest = bytes ? decoder_->end(events) : Result<void>();
    end();
    if (decoder_->finished() && decoder_->choices_finished() >= choices_) {
        if (!bytes) note_after_finish(bytes.error());
        return {};
    }
    if (!bytes) return std::unexpected(bytes.error());
    if (!rest) return std::unexpected(masked(std::move(rest).error()));
    return refuse(Error(Errc::stream_truncated).because("end of input without a finish"));
}

void StreamedAnswer::end() {
    ended_ = true;
    if (decoder_->skipped() > 0)
        note(fmt::format("{} events could not be read and were skipped", decoder_->skipped()));
}

void StreamedAnswer::note(std::string_view fact) {
    if (!remark.empty()) remark += "; ";
    remark += fact;
}

Error StreamedAnswer::masked(Error error) const {
    std::string detail = without(std::string(error.detail()), credential_);
    return std::move(error).because(std::move(detail));
}

void StreamedAnswer::note_after_finish(const Error& error) {
    note(without(fmt::format("after the finish: {} {}", name(error.code()), error.detail()),
                 credential_));
}

} // namespace weir::upstream
