#include "streams/stream_index.h"

#include "base/limits.h"

namespace weir::streams {

std::shared_ptr<StreamLog> StreamIndex::open(net::Loop& writer, Begun begun) {
    auto log = std::make_shared<StreamLog>(writer, std::move(begun), memory_);
    ++running_;
    if (log->can_be_joined()) state_.lock()->logs.emplace(log->begun().id, log);
    return log;
}

void StreamIndex::ended(const StreamLog& log) {
    --running_;
    if (log.can_be_joined()) state_.lock()->ended.push_back({clock_.steady(), log.begun().id});
    drop_old();
}

std::shared_ptr<StreamLog> StreamIndex::find(std::string_view id, UserId owner) {
    drop_old();
    auto state = state_.lock();
    const auto found = state->logs.find(std::string(id));
    if (found == state->logs.end() || found->second->begun().owner != owner) return nullptr;
    return found->second;
}

void StreamIndex::forget(std::string_view id, UserId owner) {
    std::shared_ptr<StreamLog> gone; // freed without the lock
    auto state = state_.lock();
    const auto found = state->logs.find(std::string(id));
    if (found == state->logs.end() || found->second->begun().owner != owner) return;
    if (!found->second->ended()) return;
    gone = std::move(found->second);
    state->logs.erase(found);
}

void StreamIndex::drop_old() {
    const SteadyTime oldest = clock_.steady() - limits::stream_time;
    while (true) {
        std::shared_ptr<StreamLog> gone; // freed without the lock
        auto state = state_.lock();
        if (state->ended.empty()) return;
        if (state->ended.front().at >= oldest && !is_full()) return;
        const auto found = state->logs.find(state->ended.front().id);
        state->ended.pop_front();
        if (found == state->logs.end()) continue; // forgotten
        gone = std::move(found->second);
        state->logs.erase(found);
    }
}

net::Task<void> StreamIndex::room(net::Loop& mine, net::Interrupt& interrupt) {
    drop_old();
    net::Signal bell(mine);
    net::Wheel::Timer timer(
        mine.wheel(), [](void* signal) { static_cast<net::Signal*>(signal)->notify(); }, &bell);
    const net::Interrupt::Scope scope(
        interrupt, [](void* signal) { static_cast<net::Signal*>(signal)->notify(); }, &bell);
    while (is_full() && !interrupt.requested()) {
        timer.arm(limits::stream_room_time);
        co_await bell.wait();
        drop_old();
    }
}

} // namespace weir::streams
