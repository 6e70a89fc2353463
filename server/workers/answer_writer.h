// Sends the answers to a job's calls on its socket, in turn. On the server's thread.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "server/base/asio.h"

namespace pyexec {

class AnswerWriter : public std::enable_shared_from_this<AnswerWriter> {
 public:
  using Socket = net::local::stream_protocol::socket;
  explicit AnswerWriter(std::shared_ptr<Socket> socket) : socket_(std::move(socket)) {}

  void send(std::string frame) {
    bytes_ += frame.size();
    waiting_.push_back(std::move(frame));
    if (waiting_.size() > 1) return;
    net::co_spawn(
        socket_->get_executor(), [self = shared_from_this()] { return self->write_all(); },
        net::detached);
  }
  // Not yet taken by the worker.
  std::uint64_t bytes() const { return bytes_; }

 private:
  // What cannot be written is dropped: the worker is gone, as the run hears on its own.
  awaitable<void> write_all() {
    while (!waiting_.empty()) {
      co_await net::async_write(*socket_, net::buffer(waiting_.front()), kAsTuple);
      bytes_ -= waiting_.front().size();
      waiting_.pop_front();
    }
  }

  std::shared_ptr<Socket> socket_;
  std::deque<std::string> waiting_;
  std::uint64_t bytes_ = 0;
};

}  // namespace pyexec
