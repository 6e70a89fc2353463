#include "server/workers/worker_ids.h"

namespace pyexec {

std::optional<std::uint32_t> WorkerIds::take() {
  if (uids_ > 0 && taken_.size() == uids_) return std::nullopt;
  while (uids_ > 0 && !taken_.try_emplace(next_ % uids_, next_).second) ++next_;
  if (next_ - first_fresh_ > kMostFresh) first_fresh_ = next_ - kMostFresh / 2;
  return next_++;
}

bool WorkerIds::share(std::uint32_t first, std::uint32_t id) {
  if (uids_ == 0 || first % uids_ == id % uids_) return true;
  const auto [holder, is_free] = taken_.try_emplace(first % uids_, id);
  if (!is_free) {
    const auto before = shared_.find(holder->second);
    const bool is_of_the_jail =
        holder->second == first || (before != shared_.end() && before->second == first);
    if (!is_of_the_jail) return false;
    if (before != shared_.end()) shared_.erase(before);
    holder->second = id;
  }
  shared_[id] = first;
  return true;
}

void WorkerIds::release(std::uint32_t id) {
  if (uids_ == 0) return;
  const auto shared = shared_.extract(id);
  if (!shared.empty()) release(shared.mapped(), id);
  release(id, id);
}

void WorkerIds::release(std::uint32_t first, std::uint32_t id) {
  const auto holder = taken_.find(first % uids_);
  if (holder != taken_.end() && holder->second == id) taken_.erase(holder);
}

}  // namespace pyexec
