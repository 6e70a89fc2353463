// THE system call policy of a jailed Python.
#pragma once

#include <linux/filter.h>

#include <span>

#include "sandbox/plan/plan.h"
#include "sandbox/policy/syscall_rule.h"

namespace pyexec::sandbox {

// Levels 4 and 3: a job is alone in its namespaces.
Policy python_policy();

// The same, without the calls that the plan's jails cannot contain (confined_policy.cc). A row that
// allows kOwnPid becomes installable only by `insert_own_pid`.
Policy policy_for(const Plan& plan);
void insert_own_pid(std::span<sock_filter> program, std::uint32_t pid);

// The third argument of setpgid(2), which has two: without it, the filter of a session's jail
// refuses the call.
inline constexpr std::uint32_t kNewGroupWord = 0x63656c6c;

// Newer than Debian 12's headers; the same number on every architecture.
inline constexpr int kSysFchmodat2 = 452;

}  // namespace pyexec::sandbox
