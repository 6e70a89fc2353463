#include "server/http/shares.h"

#include <algorithm>

namespace pyexec {
namespace {

// A subject with at most 1/kLittle of the room may take more even if nothing is left.
constexpr std::uint64_t kLittle = 16;

}  // namespace

std::uint64_t Shares::counted_of(std::string_view subject) const {
  const auto entry = by_subject_.find(subject);
  return entry == by_subject_.end() ? 0 : entry->second;
}

bool Shares::may_take_more(std::string_view subject) const {
  return counted_of(subject) <= std::max(left(), room_.total / kLittle);
}

bool Shares::Hold::resize(std::uint64_t bytes) {
  const std::uint64_t now = counted(bytes_), then = counted(bytes);
  if (then > now) {
    const std::uint64_t more = then - now, left = shares_.left();
    if (more > left || shares_.counted_of(subject_) + more > left - more) return false;
  }
  take(bytes);
  return true;
}

void Shares::Hold::take(std::uint64_t bytes) {
  const std::uint64_t now = counted(bytes_), then = counted(bytes);
  shares_.held_ = shares_.held_ - bytes_ + bytes;
  bytes_ = bytes;
  if (now == then) return;
  shares_.counted_ = shares_.counted_ - now + then;
  const auto entry = shares_.by_subject_.try_emplace(subject_).first;
  entry->second = entry->second - now + then;
  if (entry->second == 0) shares_.by_subject_.erase(entry);
  if (then < now)
    for (const Watch* watch : shares_.watches_) watch->wake_();
}

}  // namespace pyexec
