// How long the steps of making a worker take. Nanoseconds of CLOCK_MONOTONIC, which all processes
// of a host share.
#pragma once

#include <ctime>

#include <cstdint>

namespace pyexec::sandbox {

inline std::uint64_t monotonic_ns() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

// Time since the last call, or since it was made.
class Lap {
 public:
  std::uint64_t ns() {
    const std::uint64_t before = last_;
    last_ = monotonic_ns();
    return last_ - before;
  }

 private:
  std::uint64_t last_ = monotonic_ns();
};

// Of the process that builds jails; 0 where the jail is not built before its worker is forked.
struct JailTimes {
  std::uint64_t namespaces_ns;  // until its init or keeper runs, and its ids are mapped
  std::uint64_t mounts_ns;      // until that has finished the jail from inside
};

}  // namespace pyexec::sandbox
