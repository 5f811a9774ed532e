#pragma once
// One thread's world: its event loop, timers and lent read buffer. Everything that serves a
// connection lives on one Loop and never leaves it; other threads reach it through post() alone.

#include "base/clock.h"
#include "net/task.h"
#include "net/wheel.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <span>

namespace weir::net {

class Loop {
public:
    explicit Loop(const Clock& clock);
    ~Loop();

    boost::asio::io_context& io() { return io_; }
    Wheel& wheel() { return wheel_; }
    const Clock& clock() const { return clock_; }
    // Lent to one read at a time: what is in it is gone at the next co_await.
    std::span<char> scratch() { return {scratch_.get(), scratch_size_}; }

    // Runs until stop(). Thread: the one that owns the loop from then on.
    void run();
    // Runs what can run, until `done` says so or `patience` is over. Requires: run() has returned.
    void finish(const std::function<bool()>& done, std::chrono::milliseconds patience);
    // Thread: any.
    void stop();
    void post(std::move_only_function<void()> work);

    // Starts a coroutine of its own on this loop. An exception that leaves it is a bug and ends the
    // program.
    void spawn(Task<void> task);

private:
    void schedule_tick();

    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    const Clock& clock_;
    SteadyTime started_;
    Wheel wheel_;
    boost::asio::steady_timer tick_;
    std::size_t scratch_size_;
    std::unique_ptr<char[]> scratch_;
};

} // namespace weir::net
