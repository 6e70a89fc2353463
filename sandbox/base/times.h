// The durations of the steps that make a worker, and the usage of processes. In nanoseconds of
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

// Returns the time since the last call, or since construction.
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

// Measured in the process that builds jails. 0 if the jail is not built before its worker is
// forked.
struct JailTimes {
  std::uint64_t namespaces_ns;  // until its init or supervisor runs, and its ids are mapped
  std::uint64_t mounts_ns;      // until it has finished the jail from inside
};

// The usage of a process since its start, including the children that it has waited for.
struct Usage {
  std::uint64_t cpu_ns;          // user and system
  std::uint64_t peak_rss_bytes;  // of the largest process; 0 if the kernel does not report it
};

inline Usage usage_of(const rusage& raw) {
  const auto ns = [](const timeval& time) {
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(time.tv_usec) * 1'000;
  };
  return {ns(raw.ru_utime) + ns(raw.ru_stime), static_cast<std::uint64_t>(raw.ru_maxrss) * 1024};
}

// What was added since `before`. A peak can be less than an earlier one: the kernel counts pages
// for each processor, and adds them up now and then.
inline std::uint64_t added(std::uint64_t before, std::uint64_t now) {
  return now > before ? now - before : 0;
}

}  // namespace pyexec::sandbox
