// Probes what this host allows, by trying it: every candidate plan by making a jail, and every
// layer by itself, each in a throwaway child.
#pragma once

#include <vector>

#include "sandbox/base/layer_names.h"
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
  UidRange uids;                // kept as long as the plan is in use
  std::vector<UniqueFd> locks;  // on the plan's control groups, kept as long
  // A resource that the host is short of now, as opposed to something it does not allow. No plan
  // was chosen then: a weaker one would stay for as long as the service runs.
  SetupError shortage;
};

// The operator's limits on what is tried.
struct ProbeLimits {
  // Whether a jail that is only a system call filter is acceptable, for one job at a time.
  enum class Weak { refused, allowed } weak;
  std::uint32_t max_level;
  // Whether a jail may get another job, where that can be proven harmless.
  Reuse reuse = Reuse::never;
  decltype(Plan::packages) packages = {};  // as in the plan
};

// Tries layers and candidates; retries for some seconds those that fail for a shortage. plan.level
// is 0 if none works. The caller must be single-threaded. It owns the scratch and cgroup
// directories that the plan names (`release`); nothing else is left behind.
Probe probe_host(const Limits& limits, const ProbeLimits& wanted, Plan& plan);
void release(const Plan& plan);

// Makes one jail by `plan`, enters it with a process without an interpreter, and checks it from
// inside.
SetupError try_plan(const Plan& plan, const Limits& limits, std::uint32_t worker_id);

}  // namespace pyexec::sandbox
