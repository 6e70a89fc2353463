// The jail as the worker sees it: one list of steps from "forked" to "may be given a script".
#pragma once

#include <linux/filter.h>

#include <span>

#include "sandbox/base/step.h"
#include "sandbox/plan/limits.h"
#include "sandbox/plan/plan.h"

namespace pyexec::sandbox {

// The worker's descriptors in the jail. stdin is empty.
inline constexpr int kStdoutFd = 1;
inline constexpr int kStderrFd = 2;
inline constexpr int kJobFd = 3;

struct JailEntry {
  const Plan& plan;
  std::uint32_t worker_id;  // the first of the jail: uid and scratch directory are that one's
  bool was_used;            // the jail has had a job
  int init_pidfd;  // setns: owner of the namespaces; the worker is already in its pid namespace
  int stdout_fd;   // becomes kStdoutFd
  int stderr_fd;   // becomes kStderrFd
  int job_fd;      // becomes kJobFd
  const Limits& limits;
  std::span<const sock_filter> filter;  // compiled from the plan's policy
};

// Runs in the forked worker, single-threaded, with the zygote's rights. On failure the caller
// reports the step and exits: the worker must not get a job. Not reversible.
SetupError enter_jail(const JailEntry& entry);

}  // namespace pyexec::sandbox
