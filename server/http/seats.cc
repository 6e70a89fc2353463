#include "server/http/seats.h"

#include <utility>

namespace pyexec {
namespace {

// Longer than a request takes to arrive that was sent when its connection was accepted.
constexpr std::chrono::milliseconds kGrace{250};

}  // namespace

Seats::Seat::Seat(Seats& seats, std::string address, std::function<void()> leave)
    : seats_(seats), address_(std::move(address)), leave_(std::move(leave)) {
  const auto entry = seats_.addresses_.try_emplace(address_).first;
  const std::uint64_t open = ++entry->second.open;
  ++seats_.open_;
  if (2 * open > seats_.open_) seats_.largest_ = &entry->first;
}

Seats::Seat::~Seat() {
  keep();
  const auto entry = seats_.addresses_.find(address_);
  --seats_.open_;
  if (--entry->second.open > 0) return;
  if (seats_.largest_ == &entry->first) seats_.largest_ = nullptr;
  seats_.addresses_.erase(entry);
}

void Seats::Seat::wait(Time now) {
  keep();
  const auto guest = static_cast<std::size_t>(guest_);
  const auto join = [&](Queue& queue) { return Place{&queue, queue.insert(queue.end(), this)}; };
  in_all_ = join(seats_.waiting_[guest]);
  in_own_ = join(seats_.addresses_.find(address_)->second.waiting[guest]);
  is_waiting_ = true;
  since_ = now;
}

void Seats::Seat::keep() {
  if (!std::exchange(is_waiting_, false)) return;
  for (const Place& place : {in_all_, in_own_}) place.queue->erase(place.at);
}

Seats::Seat* Seats::next() const {
  const auto entry = largest_ != nullptr ? addresses_.find(*largest_) : addresses_.end();
  const bool has_majority = entry != addresses_.end() && 2 * entry->second.open > open_;
  for (const Guest guest : {Guest::stranger, Guest::known}) {
    const auto i = static_cast<std::size_t>(guest);
    if (has_majority && !entry->second.waiting[i].empty()) return entry->second.waiting[i].front();
    if (!waiting_[i].empty()) return waiting_[i].front();
  }
  return nullptr;
}

Seats::Time Seats::next_leave() const {
  const Seat* const seat = next();
  return seat == nullptr ? Time::max() : seat->since_ + kGrace;
}

void Seats::ask_to_leave() {
  Seat* const seat = next();
  if (seat == nullptr) return;
  seat->keep();  // it is not asked twice, unless it waits again
  seat->leave_();
}

}  // namespace pyexec
