#pragma once
// One coroutine waits; anything on the same thread wakes it. A notification that finds nobody
// waiting is kept, so none is lost. Thread: the loop's only; another thread posts to the loop
// first.

#include "net/task.h"

#include <functional>

namespace weir::net {

class Loop;

class Signal {
public:
    explicit Signal(Loop& loop) : loop_(loop) {}
    Signal(const Signal&) = delete;
    Signal& operator=(const Signal&) = delete;

    // Returns after a notify() that came since the last wait() returned. Requires: nobody else is
    // waiting.
    Task<void> wait();
    void notify();
    // Whether a notification is kept, so that a wait() would return at once; it is used up by
    // asking.
    bool take();

private:
    Loop& loop_;
    std::move_only_function<void()> waiter_;
    bool notified_ = false;
};

} // namespace weir::net
