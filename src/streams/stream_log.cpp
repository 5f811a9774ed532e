#include "streams/stream_log.h"

#include "base/limits.h"

#include <algorithm>

namespace weir::streams {

std::string_view name(Outcome outcome) {
    switch (outcome) {
    case Outcome::complete: return "complete";
    case Outcome::interrupted: return "interrupted";
    case Outcome::cancelled: return "cancelled";
    case Outcome::filtered: return "filtered";
    }
    return "interrupted";
}

StreamLog::~StreamLog() { memory_.used -= state_.lock()->bytes; }

void StreamLog::on_wish(Heed heed) { state_.lock()->heed = std::move(heed); }

void StreamLog::set_source(Source source) {
    state_.lock()->source = std::make_shared<const Source>(std::move(source));
}

void StreamLog::append(chat::ChatEvent event) {
    const auto bytes = static_cast<std::int64_t>(chat::kept_bytes(event));
    auto kept = std::make_shared<const chat::ChatEvent>(std::move(event));
    auto state = state_.lock();
    state->bytes += bytes;
    memory_.used += bytes;
    if (state->events.empty()) state->events.reserve(4);
    if (can_be_joined() && std::holds_alternative<chat::Started>(*kept)) state->started = kept;
    state->events.push_back(std::move(kept));
    if (memory_.is_full()) drop_read(*state);
    if (can_be_joined() && state->bytes >= static_cast<std::int64_t>(limits::stream_bytes))
        keep_bounds(*state);
    for (Reader* const reader : state->readers) reader->ring();
}

std::optional<std::string> StreamLog::output() const {
    auto state = state_.lock();
    if (state->kept > 1) return std::nullopt;
    chat::OutputText out;
    for (const Event& event : state->events) out.add(*event);
    return out.text();
}

void StreamLog::end(Ending ending) {
    Heed done;
    auto state = state_.lock();
    state->ending = std::make_shared<const Ending>(std::move(ending));
    std::swap(done, state->heed);
    ended_.store(true, std::memory_order_release);
    for (Reader* const reader : state->readers) reader->ring();
}

void StreamLog::drop_passed(State& state, std::uint64_t up_to) {
    for (; state.kept < up_to; ++state.kept) {
        Event& event = state.events[state.kept - state.first];
        const auto bytes = static_cast<std::int64_t>(chat::kept_bytes(*event));
        state.bytes -= bytes;
        memory_.used -= bytes;
        event.reset();
    }
    // Moved up once most of it is empty, so that each event is moved about once.
    if ((state.kept - state.first) * 2 <= state.events.size()) return;
    const auto empty = static_cast<std::ptrdiff_t>(state.kept - state.first);
    state.events.erase(state.events.begin(), state.events.begin() + empty);
    state.first = state.kept;
}

// Without readers nothing was read: an answer with a key is kept for those who come. One that is
// kept beside it goes: many of them would fill the memory of all for good.
void StreamLog::drop_read(State& state) {
    if (state.readers.empty() && begun_.keeping == Begun::Keeping::here) return;
    std::uint64_t passed = state.end() - 1;
    for (const Reader* const reader : state.readers)
        if (reader->presence_ == Presence::listens) passed = std::min(passed, reader->passed_);
    drop_passed(state, passed + 1);
}

// The log is full: what every reader has passed goes; while that is too little, the reader that is
// furthest behind is cut.
void StreamLog::keep_bounds(State& state) {
    while (state.bytes >= static_cast<std::int64_t>(limits::stream_bytes)) {
        Reader* last = nullptr;
        for (Reader* const reader : state.readers)
            if (reader->presence_ == Presence::listens && !reader->cut_wished_ &&
                (last == nullptr || reader->passed_ < last->passed_))
                last = reader;
        // The newest event stays, however large: it has not been offered to anyone yet.
        const std::uint64_t most = state.end() - 1;
        drop_passed(state, std::min(last == nullptr ? most : last->passed_ + 1, most));
        if (state.bytes < static_cast<std::int64_t>(limits::stream_bytes) || last == nullptr ||
            last->passed_ + 1 >= most)
            return;
        last->cut_wished_ = true;
    }
}

void StreamLog::ask_to_stop(Error why) {
    writer_.post([self = shared_from_this(), error = std::move(why)] {
        const Heed heed = self->state_.lock()->heed;
        if (heed) heed(error);
    });
}

void StreamLog::reader_left() {
    Heed heed;
    {
        auto state = state_.lock();
        if (state->listening == 0) heed = state->heed;
    }
    if (heed) heed(std::nullopt);
}

StreamLog::Reader::Reader(std::shared_ptr<StreamLog> log, net::Loop& mine, net::Signal& wake,
                          std::uint64_t after, Presence presence)
    : log_(std::move(log)), mine_(mine), presence_(presence), wake_(wake), passed_(0) {
    if (&mine_ != &log_->writer_) {
        bell_ = std::make_shared<Bell>();
        bell_->signal = &wake_;
    }
    auto state = log_->state_.lock();
    passed_ = state->kept - 1;
    if (after < passed_) cut_ = true;
    if (presence_ == Presence::joins) {
        const bool given_up = state->listening == 0 || state->ending;
        presence_ = cut_ || given_up ? Presence::looks : Presence::listens;
        cut_ = presence_ == Presence::looks;
    }
    state->readers.push_back(this);
    if (presence_ == Presence::listens) ++state->listening;
}

StreamLog::Reader::~Reader() {
    if (bell_) bell_->signal = nullptr;
    bool last = false;
    {
        auto state = log_->state_.lock();
        std::erase(state->readers, this);
        if (presence_ == Presence::listens) last = --state->listening == 0 && state->heed;
    }
    if (!last) return;
    if (!bell_) log_->reader_left();
    else log_->writer_.post([log = log_] { log->reader_left(); });
}

void StreamLog::Reader::ring() {
    if (!bell_) {
        wake_.notify();
        return;
    }
    if (bell_->rung.exchange(true)) return;
    mine_.post([bell = bell_] {
        bell->rung.store(false);
        if (bell->signal != nullptr) bell->signal->notify();
    });
}

const Ending* StreamLog::Reader::look() {
    ending_ = log_->state_.lock()->ending;
    return ending_.get();
}

const chat::ChatEvent* StreamLog::Reader::next() {
    current_.reset();
    auto state = log_->state_.lock();
    // Who only looks holds nothing back: the log may have gone on without it.
    cut_ = cut_ || cut_wished_ || passed_ + 1 < state->kept;
    if (cut_) return nullptr;
    if (passed_ + 1 >= state->end()) {
        ending_ = state->ending;
        return nullptr;
    }
    current_ = state->events[++passed_ - state->first];
    if (!log_->can_be_joined() || log_->memory_.is_full()) log_->drop_read(*state);
    return current_.get();
}

} // namespace weir::streams
