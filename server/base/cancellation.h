// The request that a job should end before it has ended by itself. On the server's thread.
#pragma once

#include <functional>
#include <optional>
#include <utility>

namespace pyexec {

// Whoever works on the job at the moment listens.
class Cancellation {
 public:
  enum class By { client, service };
  // The first to request it is whose request it is.
  void request(By by) {
    if (!by_) by_ = by;
    if (listener_) listener_();
  }
  bool requested() const { return by_.has_value(); }
  bool requested(By by) const { return by_ == by; }
  // Replaces the listener; called at once if the request is there already.
  void listen(std::function<void()> listener) {
    listener_ = std::move(listener);
    if (by_ && listener_) listener_();
  }

 private:
  std::optional<By> by_;
  std::function<void()> listener_;
};

}  // namespace pyexec
