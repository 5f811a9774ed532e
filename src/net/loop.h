#pragma once
// One thread's world: readiness of its descriptors (epoll(7), edge-triggered), coroutines ready to
// go on, timers, and a lent read buffer. Everything that serves a connection lives on one Loop and
// never leaves it; other threads reach it through post() alone.

#include "base/clock.h"
#include "net/task.h"
#include "net/wheel.h"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

struct epoll_event;

namespace weir::net {

class Descriptor;

class Loop {
public:
    // Exception: std::system_error where the process has no descriptors left.
    explicit Loop(const Clock& clock);
    ~Loop(); // as drop()
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    Wheel& wheel() { return wheel_; }
    const Clock& clock() const { return clock_; }
    // Lent to one read at a time: what is in it is gone at the next co_await.
    std::span<char> scratch() { return {scratch_.get(), scratch_size_}; }

    // Runs until stop(). Thread: the one that owns the loop from then on.
    void run();
    // As run(), but no longer than that.
    void run_for(std::chrono::milliseconds patience);
    // Runs until `done` says so, asked at least every 10 ms, or `patience` is over.
    // Requires: run() has returned, or was never called.
    void finish(const std::function<bool()>& done, std::chrono::milliseconds patience);
    // Destroys the coroutines that were spawned and have not ended, wherever they wait.
    // Requires: run() has returned, or was never called.
    void drop();
    // Thread: any.
    void stop();
    void post(std::move_only_function<void()> work);

    // Starts a coroutine of its own on this loop, at its next turn. Thread: the loop's, or any
    // before run().
    void spawn(Task<void> task);
    // Goes on with a suspended coroutine once the running one suspends. Thread: the loop's.
    void resume_soon(std::coroutine_handle<> coroutine) { ready_.push_back(coroutine); }

private:
    friend class Descriptor;
    struct Root;

    void turn(std::chrono::milliseconds patience_max);
    void resume_ready();
    void run_posted();
    void poll(int timeout_ms);
    int sleep_ms(std::chrono::milliseconds patience_max) const;
    // A descriptor goes: what was polled for it is dropped.
    void forget(const Descriptor& descriptor);

    const Clock& clock_;
    SteadyTime started_;
    Wheel wheel_;
    std::size_t scratch_size_;
    std::unique_ptr<char[]> scratch_;

    int epoll_ = -1;
    int bell_ = -1; // an eventfd: rung when another thread posts to a loop that may sleep
    std::unique_ptr<epoll_event[]> events_;
    std::size_t events_next_ = 0;
    std::size_t events_count_ = 0;
    std::vector<std::coroutine_handle<>> ready_;
    std::vector<std::coroutine_handle<>> resuming_;
    Root* roots_ = nullptr;
    bool stopped_ = false;

    std::mutex posted_lock_;
    std::vector<std::move_only_function<void()>> posted_;
    std::vector<std::move_only_function<void()>> running_;
    std::atomic<bool> has_posted_ = false;
    std::atomic<bool> may_sleep_ = false;
};

} // namespace weir::net
