// Runs as pid 1 of a jail; `settle_traces` in the worker.
#include "sandbox/layers/traces.h"

#include <errno.h>
#include <time.h>

#include <cstring>

#include "sandbox/layers/root_image.h"
#include "sandbox/layers/root_table.h"

namespace pyexec::sandbox {
namespace {

constexpr const char* kEtc = "/etc";
constexpr std::array kScratch = {kTmpDirectory, kShmDirectory};

bool is_later(const timespec& one, const timespec& other) {
  return one.tv_sec != other.tv_sec ? one.tv_sec > other.tv_sec : one.tv_nsec > other.tv_nsec;
}

}  // namespace

bool Traces::look(View& view) const {
  std::memset(&view, 0, sizeof view);
  std::size_t used = 0, systems = 0;
  const auto look_at = [&](const char* path) {
    return ::lstat(path, &view.files[used++]) == 0 && ::statfs(path, &view.systems[systems++]) == 0;
  };
  for (const char* path : kScratch)
    if (!look_at(path)) return false;
  if (!owns_etc_) return true;
  // It belongs to the init, but anybody may set a link's times to now.
  if (!look_at(kEtc)) return false;
  for (const RootEntry& entry : root_table()) {
    const char* name = guarded_name(entry);
    if (name == nullptr || std::strchr(name + 1, '/') != nullptr) continue;
    if (used == view.files.size()) return false;
    if (::lstat(entry.path, &view.files[used++]) == -1 && errno != ENOENT) return false;
  }
  return true;
}

SetupError Traces::note(const Plan& plan) {
  owns_etc_ = plan.files == Files::own;
  return look(before_) ? ok() : fail(Step::verify, errno, 30);
}

bool Traces::are_none() const {
  View now;
  return look(now) && std::memcmp(&now, &before_, sizeof now) == 0;
}

SetupError settle_traces() {
  constexpr int kMostPauses = 6'000;
  constexpr timespec kPause = {0, 500'000};
  for (std::uint32_t i = 0; i < kScratch.size(); ++i) {
    struct stat state = {};
    PYEXEC_TRY(check(::lstat(kScratch[i], &state), Step::verify, 31 + i));
    for (int pauses = 0;; ++pauses) {
      timespec now = {};
      PYEXEC_TRY(check(::clock_gettime(CLOCK_REALTIME_COARSE, &now), Step::verify, 34));
      // If the clock was set back since, a change has another time too.
      if (is_later(now, state.st_ctim) || state.st_ctim.tv_sec > now.tv_sec + 1) break;
      if (pauses == kMostPauses) return fail(Step::verify, 0, 31 + i);
      ::nanosleep(&kPause, nullptr);
    }
  }
  return ok();
}

}  // namespace pyexec::sandbox
