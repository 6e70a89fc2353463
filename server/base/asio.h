// Asio aliases of this server: one thread, one io_context, errors as values.
#pragma once

#include <boost/asio.hpp>
#include <boost/asio/experimental/as_tuple.hpp>
#include <chrono>

namespace pyexec {

namespace net = boost::asio;
using boost::system::error_code;
using net::awaitable;
using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;

// co_await x.async_op(..., kAsTuple) yields [error_code, ...] and does not throw.
inline constexpr auto kAsTuple = net::experimental::as_tuple(net::use_awaitable);

}  // namespace pyexec
