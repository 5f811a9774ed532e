#include "net/signal.h"

#include "net/loop.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>

namespace weir::net {

namespace asio = boost::asio;

// Not a coroutine itself: a wait costs the one frame of the operation.
Task<void> Signal::wait() {
    auto initiate = [this](auto handler) {
        // The handler resumes the coroutine; it runs from the loop's queue, its own executor.
        waiter_ = std::move(handler);
        if (notified_) notify();
    };
    return asio::async_initiate<const asio::use_awaitable_t<asio::io_context::executor_type>,
                                void()>(initiate, use_task);
}

void Signal::notify() {
    if (!waiter_) {
        notified_ = true;
        return;
    }
    notified_ = false;
    std::move_only_function<void()> waiter = std::move(waiter_);
    waiter_ = nullptr;
    asio::post(loop_.io(), std::move(waiter));
}

bool Signal::take() { return std::exchange(notified_, false); }

} // namespace weir::net
