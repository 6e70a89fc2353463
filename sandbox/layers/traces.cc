// Runs as pid 1 of a jail; `settle_traces` in the worker.
#include "sandbox/layers/traces.h"

#include <errno.h>
#include <time.h>

#include <cstring>

#include "sandbox/layers/root_image.h"
#include "sandbox/layers/root_table.h"

namespace pyexec::sandbox {
namespace {

// The directories of file systems that are not mounted read-only.
constexpr std::array kWritable = {kTmpDirectory, kShmDirectory, "/etc"};

bool is_later(const timespec& one, const timespec& other) {
  return one.tv_sec != other.tv_sec ? one.tv_sec > other.tv_sec : one.tv_nsec > other.tv_nsec;
}

}  // namespace

// /etc belongs to the init, but anybody may set a link's times to now.
bool Traces::look(View& view) {
  std::memset(&view, 0, sizeof view);
  std::size_t used = 0;
  for (std::size_t i = 0; i < kWritable.size(); ++i)
    if (::lstat(kWritable[i], &view.files[used++]) == -1 ||
        ::statfs(kWritable[i], &view.systems[i]) == -1)
      return false;
  for (const RootEntry& entry : root_table()) {
    const char* name = guarded_name(entry);
    if (name == nullptr || std::strchr(name + 1, '/') != nullptr) continue;
    if (used == view.files.size()) return false;
    if (::lstat(entry.path, &view.files[used++]) == -1 && errno != ENOENT) return false;
  }
  return true;
}

SetupError Traces::note() {
  return look(before_) ? ok() : fail(Step::verify, errno, 30);
}

bool Traces::are_none() const {
  View now;
  return look(now) && std::memcmp(&now, &before_, sizeof now) == 0;
}

SetupError settle_traces() {
  constexpr int kMostPauses = 200;
  constexpr timespec kPause = {0, 500'000};
  for (std::uint32_t i = 0; i < kWritable.size(); ++i) {
    struct stat state = {};
    PYEXEC_TRY(check(::lstat(kWritable[i], &state), Step::verify, 31 + i));
    for (int pauses = 0;; ++pauses) {
      timespec now = {};
      PYEXEC_TRY(check(::clock_gettime(CLOCK_REALTIME_COARSE, &now), Step::verify, 34));
      if (is_later(now, state.st_ctim)) break;
      if (pauses == kMostPauses) return fail(Step::verify, 0, 31 + i);
      ::nanosleep(&kPause, nullptr);
    }
  }
  return ok();
}

}  // namespace pyexec::sandbox
