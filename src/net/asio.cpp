// allow(orphan): the one place where Asio's own code is compiled; other files see declarations.

#include <boost/asio/impl/src.hpp>
