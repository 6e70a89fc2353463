// How long the steps of making a worker take, and what processes use. Nanoseconds of
// CLOCK_MONOTONIC, which all processes of a host share.
#pragma once

#include <sys/resource.h>

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
  std::uint64_t namespaces_ns;  // until its init or supervisor runs, and its ids are mapped
  std::uint64_t mounts_ns;      // until that has finished the jail from inside
};

// What a process has used since its birth, with the children that it has waited for.
struct Usage {
  std::uint64_t cpu_ns;          // of user and system
  std::uint64_t peak_rss_bytes;  // of the largest of them; 0 where the kernel does not tell
};

inline Usage usage_of(const rusage& raw) {
  const auto ns = [](const timeval& time) {
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(time.tv_usec) * 1'000;
  };
  return {ns(raw.ru_utime) + ns(raw.ru_stime), static_cast<std::uint64_t>(raw.ru_maxrss) * 1024};
}

}  // namespace pyexec::sandbox
