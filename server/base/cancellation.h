// A request to end a job early. On the server's thread.
#pragma once

#include <functional>
#include <list>
#include <optional>
#include <utility>

namespace pyexec {

class Cancellation {
  using Listeners = std::list<std::function<void()>>;

 public:
  Cancellation() = default;
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  enum class By { client, service };
  // The first call sets who requested it. Every call notifies each listener.
  void request(By by) {
    if (!by_) by_ = by;
    for (const auto& listener : listeners_) listener();
  }
  bool requested() const { return by_.has_value(); }
  bool requested(By by) const { return by_ == by; }

  // Listens until it is destroyed, but not during a call. The cancellation must outlive it.
  class Listening {
   public:
    Listening(Listening&& other) noexcept
        : listeners_(std::exchange(other.listeners_, nullptr)), own_(other.own_) {}
    Listening& operator=(Listening&&) = delete;
    ~Listening() {
      if (listeners_ != nullptr) listeners_->erase(own_);
    }

   private:
    friend class Cancellation;
    explicit Listening(Listeners& listeners, std::function<void()> listener)
        : listeners_(&listeners), own_(listeners.insert(listeners.end(), std::move(listener))) {}

    Listeners* listeners_;
    Listeners::iterator own_;
  };
  // Calls `listener` at once if the cancellation was requested already.
  [[nodiscard]] Listening listen(std::function<void()> listener) {
    if (by_) listener();
    return Listening(listeners_, std::move(listener));
  }

 private:
  std::optional<By> by_;
  Listeners listeners_;
};

}  // namespace pyexec
