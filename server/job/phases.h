// The timed phases of a request and of making a worker.
#pragma once

#include <array>
#include <cstdint>

namespace pyexec {

// Phases of a request to /execute, in order. Only reap comes after the answer.
#define PYEXEC_REQUEST_PHASES(X)                                        \
  X(parse, "the body, once it is there")                                \
  X(admit, "asking for a place")                                        \
  X(pool_wait, "until a worker is taken")                               \
  X(hand_off, "until the worker has read the script")                   \
  X(run, "until the worker has a report, or the job was ended without") \
  X(report, "until the server has the report")                          \
  X(kill, "until no process of the job can go on")                      \
  X(reply, "judging, and handing the answer to the kernel")             \
  X(reap, "until no process of the job is left, where that is after it")

// Phases of making a worker, in order. total includes the time between them.
#define PYEXEC_REFILL_PHASES(X)                                              \
  X(namespaces, "a first process in new namespaces, its ids mapped")         \
  X(mounts, "the jail's scratch file systems, and its first process sealed") \
  X(fork, "the fork, as its caller sees it")                                 \
  X(populate, "pages that scripts write to, made the worker's own")          \
  X(enter, "joining the jail, and giving up every right")                    \
  X(warm_up, "the interpreter's new life, and a first script")               \
  X(total, "from the request to the zygote until the worker is parked")

enum class RequestPhase : std::uint8_t {
#define X(name, help) name,
  PYEXEC_REQUEST_PHASES(X)
#undef X
      count
};

enum class RefillPhase : std::uint8_t {
#define X(name, help) name,
  PYEXEC_REFILL_PHASES(X)
#undef X
      count
};

struct Explained {
  const char* name;
  const char* help;
};
inline constexpr Explained kRequestPhases[] = {
#define X(name, help) {#name, help},
    PYEXEC_REQUEST_PHASES(X)
#undef X
};
inline constexpr Explained kRefillPhases[] = {
#define X(name, help) {#name, help},
    PYEXEC_REFILL_PHASES(X)
#undef X
};

// Phases of one request, in ns; 0 for those that did not occur.
struct PhaseTimes {
  std::array<std::uint64_t, static_cast<std::size_t>(RequestPhase::count)> ns = {};

  std::uint64_t& operator[](RequestPhase phase) { return ns[static_cast<std::size_t>(phase)]; }
};

}  // namespace pyexec
