#include "net/signal.h"

#include "net/loop.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace weir::net {

namespace asio = boost::asio;

Task<void> Signal::wait() {
    if (notified_) {
        notified_ = false;
        co_return;
    }
    // The handler resumes the coroutine; it runs from the loop's queue, which is the coroutine's
    // own executor.
    auto initiate = [this](auto handler) { waiter_ = std::move(handler); };
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(initiate,
                                                                         asio::use_awaitable);
    notified_ = false;
}

void Signal::notify() {
    notified_ = true;
    if (!waiter_) return;
    std::move_only_function<void()> waiter = std::move(waiter_);
    waiter_ = nullptr;
    asio::post(loop_.io(), std::move(waiter));
}

} // namespace weir::net
