// How much of the machine batches may use: most of it while there are no single requests. While
// there are, one core is left to them.
#pragma once

#include <cstdint>
#include <list>
#include <memory>

#include "server/base/event.h"

namespace pyexec {

class BatchShare {
 public:
  struct Limits {
    std::uint64_t alone;       // concurrent jobs of all batches together
    std::uint64_t in_company;  // the same, until `kQuiet` after the last single request
  };
  static constexpr std::chrono::seconds kQuiet{1};

  explicit BatchShare(Limits limits) : limits_(limits) {}
  BatchShare(const BatchShare&) = delete;
  BatchShare& operator=(const BatchShare&) = delete;

  void single_came() { last_single_ = Clock::now(); }
  bool has_company() const { return Clock::now() - last_single_ < kQuiet; }

  // Held by a job of a batch as long as it runs. The share must outlive it.
  class Place {
   public:
    explicit Place(BatchShare& share) : share_(&share) { ++share.taken_; }
    Place(Place&& other) noexcept : share_(std::exchange(other.share_, nullptr)) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (share_ != nullptr) share_->give_back();
    }

   private:
    BatchShare* share_;
  };
  // Waits for a place, first come, first served: batches that request one place at a time take
  // turns.
  awaitable<Place> take() {
    const auto turn = std::make_shared<Event>(co_await net::this_coro::executor);
    waiting_.push_back(turn);
    wake();
    while (!co_await turn->wait_until(Clock::now() + kQuiet)) wake();  // the limit may have risen
    --granted_;
    co_return Place(*this);
  }

 private:
  std::uint64_t limit() const { return has_company() ? limits_.in_company : limits_.alone; }
  void wake() {
    while (!waiting_.empty() && taken_ + granted_ < limit()) {
      ++granted_;
      waiting_.front()->set();
      waiting_.pop_front();
    }
  }
  void give_back() {
    --taken_;
    wake();
  }

  Limits limits_;
  Deadline last_single_ = {};
  std::uint64_t taken_ = 0, granted_ = 0;  // granted: not taken up yet
  std::list<std::shared_ptr<Event>> waiting_;
};

}  // namespace pyexec
