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
    std::uint64_t needed = first_ + events_.size();
    for (const Reader* const reader : readers_) needed = std::min(needed, reader->position_);
    const bool full = bytes_ >= limits::stream_bytes;
    while (first_ < needed) {
        bytes_ -= chat::kept_bytes(*events_.front());
        events_.pop_front();
        ++first_;
    }
    if (full && bytes_ < limits::stream_bytes) room_.notify();
}

StreamLog::Reader::Reader(StreamLog& log, net::Signal& wake)
    : log_(log), wake_(wake), position_(log.first_) {
    log_.readers_.push_back(this);
}

StreamLog::Reader::~Reader() {
    std::erase(log_.readers_, this);
    log_.room_.notify();
}

const chat::ChatEvent* StreamLog::Reader::next() {
    const std::uint64_t index = position_ - log_.first_;
    if (index >= log_.events_.size()) return nullptr;
    current_ = log_.events_[index];
    ++position_;
    log_.trim();
    return current_.get();
}

const Ending* StreamLog::Reader::ending() const {
    const bool all_read = position_ == log_.first_ + log_.events_.size();
    return all_read && log_.ending_ ? &*log_.ending_ : nullptr;
}

} // namespace weir::streams
