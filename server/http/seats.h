// Who of the open connections can be closed where there are as many as may be and another one
// wants in: those without a job, the one that has waited longest first. Pure: time is passed in.
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

  // known: has shown an API key.
  enum class Guest { stranger, known };

  // Of one connection.
  class Seat {
   public:
    // address: whose it is. leave: ends the connection, soon.
    Seat(Seats& seats, std::string address, std::function<void()> leave);
    ~Seat();
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;

    // It has no request, or one that has not come in whole yet.
    void wait(Time now);
    // It has a job.
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

  // When the next one can be asked to leave, which has then had time to say something; Time::max()
  // if all have jobs.
  Time next_leave() const;
  // Asks it: of strangers, then of others; of the address that has more than half of all
  // connections, if there is one.
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
  const std::string* largest_ = nullptr;  // address that may have more than half
};

}  // namespace pyexec
