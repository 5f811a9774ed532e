#include "net/loop.h"

#include "base/limits.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

namespace weir::net {

namespace asio = boost::asio;

Loop::Loop(const Clock& clock)
    : work_(asio::make_work_guard(io_)),
      clock_(clock),
      started_(clock.steady()),
      tick_(io_),
      scratch_size_(limits::read_buffer),
      scratch_(std::make_unique_for_overwrite<char[]>(limits::read_buffer)) {
    wheel_.on_wake([](void* self) { static_cast<Loop*>(self)->schedule_tick(); }, this);
}

Loop::~Loop() = default;

void Loop::run() { io_.run(); }

void Loop::finish(const std::function<bool()>& done, std::chrono::milliseconds patience) {
    io_.restart();
    const SteadyTime until = clock_.steady() + patience;
    while (!done() && clock_.steady() < until) io_.run_one_for(std::chrono::milliseconds(10));
}

void Loop::stop() {
    post([this] { io_.stop(); });
}

void Loop::post(std::move_only_function<void()> work) { asio::post(io_, std::move(work)); }

void Loop::spawn(Task<void> task) {
    asio::co_spawn(io_, std::move(task), [](std::exception_ptr failure) {
        if (failure) std::rethrow_exception(failure);
    });
}

// The one system timer of the thread. It runs only while the wheel holds something, so that an idle
// server sleeps.
void Loop::schedule_tick() {
    wheel_.set_now(clock_.steady() - started_);
    tick_.expires_after(Wheel::tick);
    tick_.async_wait([this](const boost::system::error_code& cancelled) {
        if (cancelled) return;
        wheel_.advance(clock_.steady() - started_);
        if (!wheel_.idle()) schedule_tick();
    });
}

} // namespace weir::net
