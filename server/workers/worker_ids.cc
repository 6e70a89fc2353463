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
  if (!taken_.try_emplace(first % uids_, id).second) return false;
  shared_[id] = first % uids_;
  return true;
}

void WorkerIds::release(std::uint32_t id) {
  if (uids_ == 0) return;
  const auto shared = shared_.extract(id);
  if (!shared.empty()) taken_.erase(shared.mapped());
  const auto holder = taken_.find(id % uids_);
  if (holder != taken_.end() && holder->second == id) taken_.erase(holder);
}

}  // namespace pyexec
