// Names for workers, none of which shares its uid with another.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace pyexec {

// An id's uid on the host is the id modulo the number of uids that there are (Probed::job_uids). A
// parked worker can outlive any number of others, so the ids that are taken are looked at.
class WorkerIds {
 public:
  // uids: 0 where jobs have none of their own.
  void limit(std::uint32_t uids) { uids_ = uids; }

  // The next one whose uid nobody has; nothing while there is none.
  std::optional<std::uint32_t> take();
  // No process has its uid any more. Nothing happens if it was released before.
  void release(std::uint32_t id);

  // Those that were taken before are stale from here on.
  void make_stale() { first_fresh_ = next_; }
  // Ids wrap, so the oldest of very many are stale too.
  bool is_fresh(std::uint32_t id) const {
    return static_cast<std::int32_t>(id - first_fresh_) >= 0;
  }

 private:
  static constexpr std::uint32_t kMostFresh = 1u << 30;

  std::uint32_t next_ = 0, first_fresh_ = 0, uids_ = 0;
  std::map<std::uint32_t, std::uint32_t> taken_;  // by uid
};

}  // namespace pyexec
