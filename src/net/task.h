#pragma once
// The coroutine type of the whole program. Name a temporary first, then await it. It is tied to the
// loop's own executor, so that resuming costs no type erasure.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace weir::net {

template <class T>
using Task = boost::asio::awaitable<T, boost::asio::io_context::executor_type>;

inline constexpr boost::asio::use_awaitable_t<boost::asio::io_context::executor_type> use_task;

} // namespace weir::net
