// One client connection: reads requests and writes answers; knows nothing of jobs. Exceptions stop
// here.
#pragma once

#include <boost/beast/core.hpp>
#include <set>

#include "server/http/http_server.h"

namespace pyexec {

class HttpConnection;

// All open connections. A shutdown begins by closing them.
class Connections {
 public:
  std::size_t open() const { return open_.size(); }
  // From now on each connection closes after its next answer.
  void keep_none() { keeps_ = false; }
  bool keeps() const { return keeps_; }
  // Those accepted from now on may only help what runs already to its end.
  void let_in_late() { is_late_ = true; }
  bool is_late() const { return is_late_; }
  // Closes the idle connections: nothing has arrived since their last answer. From now on each one
  // is closed as soon as it is idle.
  void end_idle();
  bool closes_idle() const { return closes_idle_; }
  // Also closes those with a request whose head is still incomplete.
  void end_unbegun();
  // Closes what is still open, answered or not.
  void close_all();
  // Waits until fewer than `count` are open, or until `deadline`.
  awaitable<void> wait_fewer_than(std::size_t count, Deadline deadline);

 private:
  friend class HttpConnection;
  void add(HttpConnection& connection) { open_.insert(&connection); }
  void remove(HttpConnection& connection);

  std::set<HttpConnection*> open_;
  bool keeps_ = true, closes_idle_ = false, is_late_ = false;
  std::set<net::steady_timer*> waiting_;
};

// Runs until the connection ends. It counts as one of `connections` from the call on.
awaitable<void> serve_connection(net::ip::tcp::socket socket, HttpServer& server,
                                 Connections& connections);

}  // namespace pyexec
