// Allocates worker ids so that no two live workers share a uid.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace pyexec {

// An id's uid on the host is the id modulo the number of uids (Probed::job_uids). A parked worker
// can outlive any number of others, so the ids in use are checked.
class WorkerIds {
 public:
  // uids: 0 if jobs have no uids of their own.
  void limit(std::uint32_t uids) { uids_ = uids; }

  // Returns the next id whose uid is free. Returns nullopt while there is none.
  std::optional<std::uint32_t> take();
  // `id` has the uid of `first` as well, until it is released: its jail was made for `first`. Takes
  // it from the worker before in that jail, whose end may not have been heard of yet. Returns false
  // if a worker of another jail has it.
  bool share(std::uint32_t first, std::uint32_t id);
  // To be called once no process has the id's uid. Does nothing if it was released before.
  void release(std::uint32_t id);

  // Marks all ids taken so far as stale.
  void make_stale() { first_fresh_ = next_; }
  // Ids wrap around, so after very many the oldest count as stale too.
  bool is_fresh(std::uint32_t id) const {
    return static_cast<std::int32_t>(id - first_fresh_) >= 0;
  }

 private:
  // Releases the uid of `first` if `id` has it.
  void release(std::uint32_t first, std::uint32_t id);

  static constexpr std::uint32_t kMostFresh = 1u << 30;

  std::uint32_t next_ = 0, first_fresh_ = 0, uids_ = 0;
  std::map<std::uint32_t, std::uint32_t> taken_;   // by uid
  std::map<std::uint32_t, std::uint32_t> shared_;  // whose uid an id has besides its own
};

}  // namespace pyexec
