#include "connection.h"

#include <fmt/format.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "clock.h"

namespace sim {

Connection::Connection(int fd, std::uint64_t number, Provider& provider,
                       simdjson::dom::parser& parser)
    : fd_(fd), number_(number), provider_(provider), parser_(parser) {
    ++provider_.journal.accepted;
    ++provider_.journal.open;
}

Connection::~Connection() {
    --provider_.journal.open;
    close(fd_);
}

Verdict Connection::on_readable(std::span<char> scratch) {
    const ssize_t count = recv(fd_, scratch.data(), scratch.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return Verdict::keep;
    if (count <= 0) return left(count == 0 ? "fin" : "reset");
    const auto bytes = static_cast<std::size_t>(count);
    if (input_.size() + bytes > most_head_bytes + most_body_bytes) return left("fin");
    // The JSON parser reads a little past the end of a body.
    input_.reserve(input_.size() + bytes + simdjson::SIMDJSON_PADDING);
    input_.append(scratch.data(), bytes);
    return answer_ ? Verdict::keep : pump();
}

std::optional<Verdict> Connection::flush() {
    const SendRule rule = answer_ ? answer_->send_rule() : SendRule();
    const Flush state = outbox_.flush(fd_, rule, monotonic_ns());
    if (answer_) answer_->delivered(outbox_.take_receipt());
    wants_write_ = state == Flush::blocked;
    wake_at_ = state == Flush::paused ? outbox_.resume_at() : 0;
    if (state == Flush::empty) return std::nullopt;
    return state == Flush::broken ? left("reset") : Verdict::keep;
}

Verdict Connection::pump() {
    for (;;) {
        if (const auto verdict = flush()) return *verdict;
        if (answer_) {
            if (const auto verdict = play_on()) return *verdict;
            continue;
        }
        if (persistence_ == Persistence::close) return Verdict::close;
        if (serve_next() == Serving::waits_for_bytes && outbox_.empty()) return Verdict::keep;
    }
}

// Nothing while there is more to do at once.
std::optional<Verdict> Connection::play_on() {
    const Step step = answer_->advance(outbox_, monotonic_ns());
    if (!outbox_.empty()) return std::nullopt;
    switch (step) {
    case Step::more: return std::nullopt;
    case Step::wait: wake_at_ = answer_->due(); return Verdict::keep;
    case Step::silence: return Verdict::keep;
    case Step::done: settle(); return std::nullopt;
    case Step::close: settle(); return Verdict::close;
    case Step::reset: return reset_once_delivered();
    }
    return Verdict::close;
}

void Connection::settle() {
    answer_->settle();
    log("ended");
    answer_.reset();
}

// A reset throws away what the peer's kernel has not taken yet, so that has to be over first:
// `cut=N` means N chunks arrived.
Verdict Connection::reset_once_delivered() {
    const Nanos now = monotonic_ns();
    if (reset_by_ == 0) reset_by_ = now + 1'000'000'000;
    int unsent = 0;
    if (ioctl(fd_, SIOCOUTQ, &unsent) == 0 && unsent > 0 && now < reset_by_) {
        wake_at_ = now + 500'000;
        return Verdict::keep;
    }
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    settle();
    return Verdict::close;
}

Verdict Connection::left(std::string_view how) {
    if (!answer_) return Verdict::close;
    answer_->abandoned();
    log("abandoned");
    provider_.journal.add(Departure{.model = answer_->model().name,
                                    .connection = number_,
                                    .chunks = answer_->chunks(),
                                    .how = std::string(how),
                                    .closed_at_us = wall_us(),
                                    .closed_at_monotonic_ns = monotonic_ns()});
    answer_.reset();
    return Verdict::close;
}

Connection::Serving Connection::serve_next() {
    if (input_.empty()) return Serving::waits_for_bytes;
    HttpRequest request;
    const ReadRequest read = read_request(input_, request);
    if (read.state == Reading::malformed) {
        persistence_ = Persistence::close;
        refuse(error_response(400, "That is not HTTP."));
        return Serving::begun;
    }
    if (read.state == Reading::incomplete) {
        if (request.expects_continue && !invited_)
            outbox_.bytes() += "HTTP/1.1 100 Continue\r\n\r\n";
        invited_ = request.expects_continue;
        return Serving::waits_for_bytes;
    }
    invited_ = false;
    if (!request.keep_alive) persistence_ = Persistence::close;
    serve(request);
    input_.erase(0, read.used);
    return Serving::begun;
}

void Connection::serve(const HttpRequest& request) {
    if (!Provider::is_chat(request)) {
        outbox_.bytes() += provider_.reply(request);
        return;
    }
    if (provider_.journal.keeps_requests()) {
        provider_.journal.add(Received{.connection = number_,
                                       .head = std::string(request.head),
                                       .body = std::string(request.content())});
    }
    const std::string refusal = provider_.refusal(request);
    if (!refusal.empty()) return refuse(refusal);
    serve_chat(request);
}

void Connection::serve_chat(const HttpRequest& request) {
    std::string padded;
    std::string_view json = request.body;
    if (request.chunked) {
        padded.reserve(request.unchunked_body.size() + simdjson::SIMDJSON_PADDING);
        padded = request.unchunked_body;
        json = padded;
    }
    const auto body = read_chat_body(parser_, json);
    if (!body) return refuse(error_response(400, body.error()));
    Model* model = provider_.bill.find(body->model);
    if (model == nullptr) return refuse(error_response(503, "Too many different model names."));
    if (!model->script) return refuse(error_response(400, model->script.error()));
    answer_.emplace(Order{.model = *model,
                          .body = *body,
                          .id = provider_.next_id++,
                          .unix_seconds = wall_us() / 1'000'000,
                          .persistence = persistence_,
                          .now = monotonic_ns()});
}

void Connection::refuse(std::string_view response) {
    ++provider_.bill.refused;
    outbox_.bytes() += response;
}

void Connection::log(std::string_view outcome) const {
    if (!provider_.settings.verbose) return;
    fmt::print(stderr, "connection {} {} after {} chunks: {}\n", number_, outcome,
               answer_->chunks(), answer_->model().name);
}

} // namespace sim
