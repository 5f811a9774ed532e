#include "journal.h"

#include <fmt/format.h>

#include <iterator>

#include "json_text.h"

namespace sim {
namespace {

constexpr std::size_t departures_kept = 1000;

} // namespace

void Journal::add(Departure departure) {
    const std::scoped_lock lock(mutex_);
    departures_.push_front(std::move(departure));
    if (departures_.size() > departures_kept) departures_.pop_back();
}

void Journal::add(Received received) {
    const std::scoped_lock lock(mutex_);
    received_.push_front(std::move(received));
    if (received_.size() > requests_kept_) received_.pop_back();
}

void Journal::clear() {
    const std::scoped_lock lock(mutex_);
    departures_.clear();
    received_.clear();
}

std::string Journal::connections_json() const {
    const std::scoped_lock lock(mutex_);
    std::string out =
        fmt::format(R"({{"accepted":{},"open":{},"closes":[)", accepted.load(), open.load());
    for (const Departure& departure : departures_) {
        if (out.back() == '}') out += ',';
        out += R"({"model":)";
        append_json_string(out, departure.model);
        fmt::format_to(std::back_inserter(out),
                       R"(,"connection":{},"chunks":{},"how":"{}","closed_at_us":{},)"
                       R"("closed_at_monotonic_ns":{}}})",
                       departure.connection, departure.chunks, departure.how,
                       departure.closed_at_us, departure.closed_at_monotonic_ns);
    }
    return out + "]}\n";
}

std::string Journal::requests_json() const {
    const std::scoped_lock lock(mutex_);
    std::string out = R"({"requests":[)";
    for (const Received& received : received_) {
        if (out.back() == '}') out += ',';
        fmt::format_to(std::back_inserter(out), R"({{"connection":{},"head":)",
                       received.connection);
        append_json_string(out, received.head);
        out += R"(,"body":)";
        append_json_string(out, received.body);
        out += '}';
    }
    return out + "]}\n";
}

} // namespace sim
