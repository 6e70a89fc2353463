// What this host allows, found out by doing it: every candidate plan by making a jail of it, and
// every layer by itself, each in a child that is thrown away.
#pragma once

#include <vector>

#include "sandbox/base/layers.h"
#include "sandbox/base/step.h"
#include "sandbox/layers/uid_range.h"
#include "sandbox/plan/limits.h"
#include "sandbox/plan/plan.h"

namespace pyexec::sandbox {

struct Probe {
  LayerErrors layers = {};
  // In order; the last is the plan, if one works.
  struct Tried {
    const char* candidate;
    SetupError error;
  };
  std::vector<Tried> tried;
  std::int32_t landlock_abi = 0;
  UidRange uids;                // for as long as the plan is carried out
  std::vector<UniqueFd> locks;  // on the plan's control groups, for as long
  // Of something that the host has too little of now, as opposed to what it does not allow. Then no
  // plan was chosen: a weaker one would stay for as long as the service runs.
  SetupError shortage;
};

// What the operator lets be tried.
struct ProbeLimits {
  // Whether a jail that is only a system call filter will do, for one job at a time.
  enum class Weak { refused, allowed } weak;
  std::uint32_t max_level;
};

// Tries layers and candidates; what fails for a shortage, again for some seconds. plan.level is 0
// if none works. The caller is single-threaded, and owns the scratch and cgroup directories that
// the plan names (`release`); nothing else is left behind.
Probe probe_host(const Limits& limits, const ProbeLimits& wanted, Plan& plan);
void release(const Plan& plan);

// Makes one jail by `plan`, enters it with a process that is no interpreter, and looks at it from
// inside.
SetupError try_plan(const Plan& plan, const Limits& limits, std::uint32_t worker_id);

}  // namespace pyexec::sandbox
