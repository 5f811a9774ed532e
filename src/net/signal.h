#pragma once
// One coroutine waits; anything on the same thread wakes it. A notification that finds nobody
// waiting is kept, so none is lost. Thread: the loop's only; another thread posts to the loop
// first.

#include "net/loop.h"

namespace weir::net {

class Signal {
public:
    explicit Signal(Loop& loop) : loop_(loop) {}
    Signal(const Signal&) = delete;
    Signal& operator=(const Signal&) = delete;

    struct Wait {
        Signal& signal;
        bool await_ready() { return signal.take(); }
        void await_suspend(std::coroutine_handle<> waiter) { signal.waiter_ = waiter; }
        void await_resume() {}
    };
    // co_await it: returns after a notify() that came since the last wait returned; at once where
    // one is kept. Requires: nobody else is waiting.
    Wait wait() { return {*this}; }
    // The waiter goes on at the loop's next round, not inside this call.
    void notify() {
        if (waiter_) loop_.resume_soon(std::exchange(waiter_, {}));
        else notified_ = true;
    }
    bool awaited() const { return static_cast<bool>(waiter_); }
    // Whether a notification is kept; it is used up by asking.
    bool take() { return std::exchange(notified_, false); }

private:
    Loop& loop_;
    std::coroutine_handle<> waiter_;
    bool notified_ = false;
};

} // namespace weir::net
