// Compiles a Policy to a classic BPF program for seccomp. Pure.
#pragma once

#include <linux/filter.h>

#include <vector>

#include "sandbox/policy/syscall_rule.h"

namespace pyexec::sandbox {

// Throws std::logic_error if the policy contradicts itself: a number in two rules, an errno of 0,
// more alternatives than a jump can pass. Called once, in the zygote, before any worker exists.
std::vector<sock_filter> compile(const Policy& policy);

}  // namespace pyexec::sandbox
