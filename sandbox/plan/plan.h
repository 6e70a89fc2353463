// How jails are made on this host, as data. Chosen once, by trying (probe.h), and then used by
// every process that takes part in a jail.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <span>
#include <type_traits>

#include "sandbox/base/tenant.h"

namespace pyexec::sandbox {

// The ids that a job runs under.
enum class Users : std::uint32_t {
  two_mapped,  // init and job have ids of their own in the jail's user namespace, and on the host
  one_mapped,  // one id in the jail's user namespace: the only one its maker may map
  own_host,    // no user namespace; a host uid that no other job has at the same time
  shared,      // the uid that the service runs under
};

// How the namespaces are made, and which process ends the job.
enum class Builder : std::uint32_t {
  setns,       // an init makes them all; the worker joins it by pidfd
  unshare,     // the worker's ancestors make them: for kernels that cannot join (gVisor)
  supervised,  // there are none; a supervisor kills the one process that a job can be
};

// The part of the file system that a job sees.
enum class Root : std::uint32_t {
  image,     // private mounts, pivot_root
  landlock,  // the host's tree, closed except for a few rows
  chroot,    // a prepared directory
  open,      // the host's tree: only if the operator allows it (PYEXEC_ALLOW_WEAK)
};

// Whether two jobs can open the same file, by the same inode.
enum class Files : std::uint32_t {
  shared,  // another job could notice a lock: locks are refused
  own,     // each jail has inodes of its own for all its files (jail_root.h): locks work
};

// Whether a job may begin sessions of its own (setsid).
enum class Sessions : std::uint32_t {
  any,  // a control group distributes processor time, or nothing does so by session
  one,  // the kernel distributes it by session (sched(7), autogroup): a job gets one
};

// Whether a jail gets another job after its first.
enum class Reuse : std::uint32_t {
  never,
  if_untouched,  // after a job that left it as it was, by the kernel's own counters (traces.h)
};

// Where the zygote lives.
enum class OuterUserns : std::uint32_t {
  none,
  many_ids,  // in a user namespace of its own, into which the jobs' ids are mapped
  one_id,    // in a user namespace of its own, with the one id that any user may map
};

enum class Cgroup : std::uint32_t { none, v1, v2 };

struct Plan {
  std::uint32_t level;
  Builder builder;
  Users users;
  Root root;
  OuterUserns outer_userns;
  Files files = Files::shared;
  Sessions sessions = Sessions::any;
  Reuse reuse = Reuse::never;
  Tenant tenant = Tenant::job;
  Cgroup cgroup = Cgroup::none;
  std::int32_t landlock_abi = 0;  // 0: the kernel has none
  uid_t first_uid = 0;            // of `uid_count` that nothing else on the host has (uid_range.h)
  std::uint32_t uid_count = 0;
  std::array<char, 64> scratch =
      {};  // supervised: the directory that holds the jobs' own ones; or ""
  // The host's directory of packages that jobs import from, absolute and without links, in each
  // jail at the same path; "": there is none.
  std::array<char, 128> packages = {};
  // This service's own directories. The third is "" if slots do not distribute processor time.
  std::array<char, 256> cgroup_memory = {}, cgroup_pids = {}, cgroup_cpu = {};

  bool namespaces() const { return builder != Builder::supervised; }
  // The ids inside a jail. Outside they are unprivileged ids that nothing else has.
  uid_t init_uid() const;
  uid_t job_uid() const;
  // Their ids on the host. Concurrent jobs have different ones, so that they do not share the
  // kernel's counts per user (processes, pipes, keys).
  uid_t host_init_uid() const { return first_uid; }
  uid_t front_end_uid() const { return first_uid + 1; }
  uid_t host_job_uid(std::uint32_t worker_id) const {
    return first_uid + 2 + worker_id % job_uids();
  }
  std::uint32_t job_uids() const { return uid_count - 2; }
};
static_assert(std::is_trivially_copyable_v<Plan>);

// Strongest first. Whether a row works is found out by making a jail of it.
struct Candidate {
  const char* name;
  Plan plan;
};
std::span<const Candidate> candidates();

}  // namespace pyexec::sandbox
