// One client connection: reads requests, writes answers, knows no jobs. Exceptions stop here.
#pragma once

#include <boost/beast/core.hpp>
#include <set>

#include "server/http/http_server.h"

namespace pyexec {

class HttpConnection;

// All open connections. Closing them all is how a shutdown begins.
class Connections {
 public:
  std::size_t open() const { return open_.size(); }
  // From now on an answer is a connection's last.
  void keep_none() { keeps_ = false; }
  bool keeps() const { return keeps_; }
  // Closes those on which nothing has come since their last answer, and from now on each as soon as
  // that is so.
  void end_idle();
  bool closes_idle() const { return closes_idle_; }
  // Those too whose request has begun and has no whole head yet.
  void end_unbegun();
  // Closes what is still open, answered or not.
  void close_all();
  // Until fewer than `count` are open, or until `deadline`.
  awaitable<void> wait_fewer_than(std::size_t count, Deadline deadline);

 private:
  friend class HttpConnection;
  void add(HttpConnection& connection) { open_.insert(&connection); }
  void remove(HttpConnection& connection);

  std::set<HttpConnection*> open_;
  bool keeps_ = true, closes_idle_ = false;
  std::set<net::steady_timer*> waiting_;
};

// Runs until the connection ends, then returns. Counts as one of `connections` from the call on.
awaitable<void> serve_connection(net::ip::tcp::socket socket, HttpServer& server,
                                 Connections& connections);

}  // namespace pyexec
