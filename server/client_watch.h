// Looks whether a client is still there while its answer is being made.
#pragma once

#include <boost/beast/core.hpp>
#include <memory>

#include "server/asio.h"

namespace pyexec {

// Both must outlive it. A client has gone when it has closed or reset its connection, or its
// sending half.
class ClientWatch {
 public:
  ClientWatch(boost::beast::tcp_stream& stream, const boost::beast::flat_buffer& buffer);
  ~ClientWatch() { stop(); }
  ClientWatch(const ClientWatch&) = delete;
  ClientWatch& operator=(const ClientWatch&) = delete;

  // Asks for the cancellation once the client has gone: at once, or, if it has sent more than its
  // request (pipelining), a quarter of a second later.
  void start(Cancellation& cancellation);
  void stop();

 private:
  // Outlives the watch until Asio has let go of it.
  struct Look {
    explicit Look(net::any_io_executor executor) : timer(std::move(executor)) {}
    net::steady_timer timer;
    Cancellation* cancellation = nullptr;  // nullptr: stopped
  };
  void look_later(std::shared_ptr<Look> look);

  boost::beast::tcp_stream& stream_;
  const boost::beast::flat_buffer& buffer_;
  std::shared_ptr<Look> look_;
};

}  // namespace pyexec
