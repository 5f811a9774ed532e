#pragma once
// The coroutine type of the whole program. Name a temporary first, then await it.

#include <boost/asio/awaitable.hpp>

namespace weir::net {

template <class T>
using Task = boost::asio::awaitable<T>;

} // namespace weir::net
