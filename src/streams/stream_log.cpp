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

void StreamLog::append(chat::ChatEvent event) {
    bytes_ += chat::kept_bytes(event);
    if (events_.empty()) events_.reserve(4);
    events_.push_back(std::make_shared<const chat::ChatEvent>(std::move(event)));
    for (Reader* const reader : readers_) reader->wake_.notify();
}

void StreamLog::end(Ending ending) {
    ending_ = std::move(ending);
    for (Reader* const reader : readers_) reader->wake_.notify();
}

net::Task<void> StreamLog::wait_for_room() {
    while (bytes_ >= limits::stream_bytes && !readers_.empty()) co_await room_.wait();
}

// Drops what every reader has passed.
void StreamLog::trim() {
    std::uint64_t needed = count();
    for (const Reader* const reader : readers_) needed = std::min(needed, reader->position_);
    const bool full = bytes_ >= limits::stream_bytes;
    for (; kept_ < needed; ++kept_) {
        Event& event = events_[kept_ - first_];
        bytes_ -= chat::kept_bytes(*event);
        event.reset();
    }
    // Moved up once most of it is empty, so that each event is moved about once.
    if ((kept_ - first_) * 2 > events_.size()) {
        events_.erase(events_.begin(),
                      events_.begin() + static_cast<std::ptrdiff_t>(kept_ - first_));
        first_ = kept_;
    }
    if (full && bytes_ < limits::stream_bytes) room_.notify();
}

StreamLog::Reader::Reader(StreamLog& log, net::Signal& wake)
    : log_(log), wake_(wake), position_(log.kept_) {
    log_.readers_.push_back(this);
}

StreamLog::Reader::~Reader() {
    std::erase(log_.readers_, this);
    log_.room_.notify();
}

const chat::ChatEvent* StreamLog::Reader::next() {
    if (position_ >= log_.count()) {
        current_.reset();
        return nullptr;
    }
    current_ = log_.at(position_++);
    log_.trim();
    return current_.get();
}

const Ending* StreamLog::Reader::ending() const {
    const bool all_read = position_ == log_.count();
    return all_read && log_.ending_ ? &*log_.ending_ : nullptr;
}

} // namespace weir::streams
