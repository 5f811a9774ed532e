#include "net/wheel.h"

#include <algorithm>

namespace weir::net {

void Wheel::Timer::arm(std::chrono::nanoseconds delay) {
    if (wheel_.idle() && wheel_.wake_ != nullptr) wheel_.wake_(wheel_.wake_owner_);
    // The wheel's clock is up to a tick old, and a tick is rounded down: two more are never early.
    const auto at = wheel_.now_ + std::max(delay, std::chrono::nanoseconds::zero());
    due_ = static_cast<std::uint64_t>(at / tick) + 2;
    armed_ = true;
    // Moving later is free: the slot it sits in finds it not yet due and moves it on.
    if (link_ != nullptr && slot_tick_ <= due_) return;
    unlink();
    wheel_.link(*this);
}

void Wheel::Timer::cancel() {
    armed_ = false;
    unlink();
}

void Wheel::Timer::unlink() {
    if (link_ == nullptr) return;
    *link_ = next_;
    if (next_ != nullptr) next_->link_ = link_;
    link_ = nullptr;
    next_ = nullptr;
    --wheel_.linked_;
}

void Wheel::link(Timer& timer) {
    timer.slot_tick_ = std::max(timer.due_, current_ + 1);
    push(slots_[timer.slot_tick_ % slot_count], timer);
    ++linked_;
}

void Wheel::push(Timer*& head, Timer& timer) {
    timer.next_ = head;
    timer.link_ = &head;
    if (head != nullptr) head->link_ = &timer.next_;
    head = &timer;
}

void Wheel::set_now(std::chrono::nanoseconds elapsed) {
    now_ = elapsed;
    if (idle()) current_ = std::max(current_, static_cast<std::uint64_t>(elapsed / tick));
}

void Wheel::advance(std::chrono::nanoseconds elapsed) {
    now_ = elapsed;
    const auto target = static_cast<std::uint64_t>(elapsed / tick);
    while (current_ < target && linked_ != 0) {
        ++current_;
        collect_due(slots_[current_ % slot_count]);
        // A fired timer may arm, cancel or destroy any other, also those still waiting here.
        while (firing_ != nullptr) {
            Timer& timer = *firing_;
            timer.unlink();
            if (timer.due_ > current_) {
                link(timer);
                continue;
            }
            timer.armed_ = false;
            timer.fire_(timer.owner_);
        }
    }
    current_ = std::max(current_, target);
}

void Wheel::collect_due(Timer* timer) {
    while (timer != nullptr) {
        Timer* const next = timer->next_;
        if (timer->slot_tick_ <= current_) {
            timer->unlink();
            push(firing_, *timer);
            ++linked_;
        }
        timer = next;
    }
}

} // namespace weir::net
