// The stages of a shutdown. On the server's thread.
#pragma once

#include <cstdint>
#include <set>

#include "server/base/event.h"

namespace pyexec {

class Lifecycle {
 public:
  enum class State : std::uint8_t {
    serving,
    leaving,   // works as before, but clients should use other instances
    draining,  // no new work is begun
    over,      // accepted jobs have been ended
  };

  // Does nothing if `state` is not later than the current one.
  void advance(State state) {
    if (state <= state_) return;
    const bool drains = is_draining();
    state_ = state;
    if (!drains && is_draining())
      for (Signal* watcher : watchers_) watcher->set();
  }
  bool is_leaving() const { return state_ >= State::leaving; }
  bool is_draining() const { return state_ >= State::draining; }
  bool is_over() const { return state_ >= State::over; }

  // Sets `signal` when draining begins, until the Watch is destroyed. Both must outlive it.
  class Watch {
   public:
    Watch(Lifecycle& lifecycle, Signal& signal) : lifecycle_(lifecycle), signal_(signal) {
      lifecycle_.watchers_.insert(&signal_);
    }
    ~Watch() { lifecycle_.watchers_.erase(&signal_); }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    Lifecycle& lifecycle_;
    Signal& signal_;
  };

 private:
  State state_ = State::serving;
  std::set<Signal*> watchers_;
};

}  // namespace pyexec
