// Detects that a client has gone while its answer is being made.
#pragma once

#include <memory>

#include "server/base/asio.h"
#include "server/base/cancellation.h"

namespace pyexec {

// A client has gone when it has closed or reset its connection, or closed its sending half.
class ClientWatch {
 public:
  // The socket must outlive the watch.
  explicit ClientWatch(net::ip::tcp::socket& socket) : socket_(socket) {}
  ~ClientWatch() { stop(); }
  ClientWatch(const ClientWatch&) = delete;
  ClientWatch& operator=(const ClientWatch&) = delete;

  // Checks four times a second, whatever else is done with the socket meanwhile. Requests the
  // cancellation once the client has gone.
  void start(Cancellation& cancellation);
  void stop();
  // Looks now.
  bool is_gone() const;

 private:
  // Can outlive the watch, until Asio has released it.
  struct Look {
    explicit Look(const net::any_io_executor& executor) : timer(executor) {}
    net::steady_timer timer;
    Cancellation* cancellation = nullptr;  // nullptr: stopped
  };
  void look_later(std::shared_ptr<Look> look);

  net::ip::tcp::socket& socket_;
  std::shared_ptr<Look> look_;
};

}  // namespace pyexec
