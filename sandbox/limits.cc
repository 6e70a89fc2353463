// Runs in the jailed worker, before it has seen a script.
#include "sandbox/limits.h"

#include <sys/resource.h>

#include <iterator>

namespace pyexec::sandbox {
namespace {

struct RlimitRow {
  __rlimit_resource resource;
  rlim_t value;
};

}  // namespace

SetupError apply_rlimits(const Limits& limits) {
  const RlimitRow rows[] = {
      {RLIMIT_AS, limits.address_space_bytes},
      {RLIMIT_CPU, limits.cpu_seconds},
      {RLIMIT_FSIZE, limits.file_bytes},
      {RLIMIT_NOFILE, limits.open_files},
      {RLIMIT_NPROC, limits.processes},
      // A core file's handler runs as root on the host. It is not started for 1, it is for 0
      // (core(5)), and the filter keeps a job from changing it.
      {RLIMIT_CORE, 1},
      {RLIMIT_STACK, 8u << 20},  // "unlimited" would change how every mapping is laid out
      {RLIMIT_MEMLOCK, 0},       // locked pages cannot be reclaimed
      {RLIMIT_MSGQUEUE, 0},
      {RLIMIT_SIGPENDING, 256},  // queued signals are kernel memory
      {RLIMIT_RTPRIO, 0},
      {RLIMIT_NICE, 0},
  };
  for (std::uint32_t i = 0; i < std::size(rows); ++i) {
    rlimit wanted = {rows[i].value, rows[i].value};
    rlimit got = {};
    PYEXEC_TRY(check(::setrlimit(rows[i].resource, &wanted), Step::limits, i));
    PYEXEC_TRY(check(::getrlimit(rows[i].resource, &got), Step::limits, i));
    if (got.rlim_cur != wanted.rlim_cur || got.rlim_max != wanted.rlim_max)
      return fail(Step::limits, 0, i);
  }
  return ok();
}

}  // namespace pyexec::sandbox
