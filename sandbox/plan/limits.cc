// Runs in the jailed worker, before it has received a script.
#include "sandbox/plan/limits.h"

#include <sys/resource.h>

#include <algorithm>
#include <iterator>

namespace pyexec::sandbox {
namespace {

enum class Known { everywhere, not_to_gvisor };

struct RlimitRow {
  __rlimit_resource resource;
  rlim_t value;
  Known known = Known::everywhere;
};

// The kernel counts processes per real uid: the job's first process, its descendants, and an init
// that has the same uid. Jobs that share a uid share the count, together with everything else
// that runs under it: then this limit bounds only their total.
std::uint64_t process_limit(const Plan& plan, const Limits& limits) {
  constexpr std::uint64_t kJobsAtOnce = 64, kOthers = 256;
  if (plan.users == Users::shared) return limits.processes * kJobsAtOnce + kOthers;
  return limits.processes + 1 + (plan.users == Users::one_mapped ? 1 : 0);
}

// Where scratch directories share a file system and are only checked for size, the two limits
// below alone bound open files that have been unlinked.
std::uint64_t file_limit(const Plan& plan, const Limits& limits) {
  return plan.namespaces() ? limits.file_bytes : std::min(limits.file_bytes, limits.tmp_bytes);
}
std::uint64_t open_file_limit(const Plan& plan, const Limits& limits) {
  constexpr std::uint64_t kConfined = 64;
  return plan.namespaces() ? limits.open_files : std::min(limits.open_files, kConfined);
}

}  // namespace

SetupError apply_rlimits(const Plan& plan, const Limits& limits) {
  const RlimitRow rows[] = {
      {RLIMIT_AS, limits.address_space_bytes},
      {RLIMIT_CPU, limits.cpu_seconds},
      {RLIMIT_FSIZE, file_limit(plan, limits)},
      {RLIMIT_NOFILE, open_file_limit(plan, limits)},
      {RLIMIT_NPROC, process_limit(plan, limits)},
      // A core file's handler runs as root on the host. The kernel starts it for a limit of 0 but
      // not for 1 (core(5)), and the filter keeps a job from changing the limit.
      {RLIMIT_CORE, 1},
      {RLIMIT_STACK, 8u << 20},  // "unlimited" would change the layout of every mapping
      {RLIMIT_MEMLOCK, 0},       // locked pages cannot be reclaimed
      // gVisor refuses to set these. The filter has no calls that create message queues, choose a
      // real-time scheduler or gain from a lower nice value; queued signals are gVisor's own
      // memory.
      {RLIMIT_MSGQUEUE, 0, Known::not_to_gvisor},
      {RLIMIT_SIGPENDING, 256, Known::not_to_gvisor},  // queued signals are kernel memory
      {RLIMIT_RTPRIO, 0, Known::not_to_gvisor},
      {RLIMIT_NICE, 0, Known::not_to_gvisor},
  };
  for (std::uint32_t i = 0; i < std::size(rows); ++i) {
    rlimit wanted = {rows[i].value, rows[i].value};
    rlimit got = {};
    const int set = ::setrlimit(rows[i].resource, &wanted);
    if (set == -1 && errno == EPERM && rows[i].known == Known::not_to_gvisor &&
        plan.builder == Builder::unshare)
      continue;
    PYEXEC_TRY(check(set, Step::limits, i));
    PYEXEC_TRY(check(::getrlimit(rows[i].resource, &got), Step::limits, i));
    if (got.rlim_cur != wanted.rlim_cur || got.rlim_max != wanted.rlim_max)
      return fail(Step::limits, 0, i);
  }
  return ok();
}

SetupError lower_address_space(std::uint64_t bytes) {
  constexpr std::uint32_t kRow = 20;
  rlimit wanted = {bytes, bytes}, got = {};
  PYEXEC_TRY(check(::setrlimit(RLIMIT_AS, &wanted), Step::limits, kRow));
  PYEXEC_TRY(check(::getrlimit(RLIMIT_AS, &got), Step::limits, kRow));
  return got.rlim_max == bytes ? ok() : fail(Step::limits, 0, kRow);
}

SetupError bound_address_space(std::uint64_t bytes) {
  constexpr std::uint32_t kRow = 21;
  rlimit limit = {};
  PYEXEC_TRY(check(::getrlimit(RLIMIT_AS, &limit), Step::limits, kRow));
  limit.rlim_cur = std::min<rlim_t>(bytes, limit.rlim_max);
  PYEXEC_TRY(check(::setrlimit(RLIMIT_AS, &limit), Step::limits, kRow));
  rlimit got = {};
  PYEXEC_TRY(check(::getrlimit(RLIMIT_AS, &got), Step::limits, kRow));
  return got.rlim_cur == limit.rlim_cur ? ok() : fail(Step::limits, 0, kRow);
}

}  // namespace pyexec::sandbox
