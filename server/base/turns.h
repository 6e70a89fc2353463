// A bounded number of places, handed out first come, first served. On the server's thread.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <utility>

#include "server/base/cancellation.h"
#include "server/base/event.h"

namespace pyexec {

class Turns {
 public:
  explicit Turns(std::uint64_t places) : places_(places) {}
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;

  // Holds a place until it is destroyed. The turns must outlive it.
  class Turn {
   public:
    explicit Turn(Turns& turns) : turns_(&turns) {}
    Turn(Turn&& other) noexcept : turns_(std::exchange(other.turns_, nullptr)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (turns_ != nullptr) turns_->give_back();
    }

   private:
    Turns* turns_;
  };

  // Waits for a place. Returns nullopt at `deadline`, or once cancelled.
  awaitable<std::optional<Turn>> take(Deadline deadline, Cancellation& cancellation) {
    if (taken_ < places_) {
      ++taken_;
      co_return Turn(*this);
    }
    const auto waiting = std::make_shared<Waiting>(co_await net::this_coro::executor);
    waiting_.push_back(waiting);
    {
      const auto listening = cancellation.listen([waiting] { waiting->event.set(); });
      co_await waiting->event.wait_until(deadline);
    }
    waiting_.remove(waiting);
    if (!waiting->has_place) co_return std::nullopt;
    co_return Turn(*this);
  }
  std::uint64_t taken() const { return taken_; }

 private:
  struct Waiting {
    explicit Waiting(net::any_io_executor executor) : event(executor) {}
    Event event;
    bool has_place = false;
  };
  void give_back() {
    if (waiting_.empty()) {
      --taken_;
      return;
    }
    const auto next = std::move(waiting_.front());
    waiting_.pop_front();
    next->has_place = true;
    next->event.set();
  }

  const std::uint64_t places_;
  std::uint64_t taken_ = 0;
  std::list<std::shared_ptr<Waiting>> waiting_;
};

}  // namespace pyexec
