// Chooses the connection to close when the limit is reached and another client connects: one
// without a job, the longest-waiting first. Pure: time is passed in.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <string>

namespace pyexec {

class Seats {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // known: has presented an API key.
  enum class Guest { stranger, known };

  // The place of one connection.
  class Seat {
   public:
    // address: the client's. leave: ends the connection soon, or waits once more.
    Seat(Seats& seats, std::string address, std::function<void()> leave);
    ~Seat();
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;

    // The connection has no request, or an incomplete one.
    void wait(Time now);
    // The connection has a job.
    void keep();
    void set_known() { guest_ = Guest::known; }

   private:
    friend class Seats;
    using Queue = std::list<Seat*>;
    struct Place {
      Queue* queue;
      Queue::iterator at;
    };

    Seats& seats_;
    const std::string address_;
    const std::function<void()> leave_;
    Guest guest_ = Guest::stranger;
    bool is_waiting_ = false;
    Time since_;
    Place in_all_ = {}, in_own_ = {};
  };

  // Returns when the next connection can be asked to leave; by then it has had time to send
  // something. Returns Time::max() if all have jobs.
  Time next_leave() const;
  // Asks that connection to leave. Strangers go first, then the others; within each, the address
  // with more than half of all connections, if there is one.
  void ask_to_leave();

 private:
  struct Address {
    std::uint64_t open = 0;
    std::list<Seat*> waiting[2];  // by Guest
  };
  Seat* next() const;

  std::map<std::string, Address> addresses_;
  std::list<Seat*> waiting_[2];  // by Guest
  std::uint64_t open_ = 0;
  const std::string* largest_ = nullptr;  // the address that may have more than half
};

}  // namespace pyexec
