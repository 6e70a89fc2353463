// THE system call policy of a jailed Python at level 3 (`namespaced`).
#pragma once

#include "sandbox/syscall_rule.h"

namespace pyexec::sandbox {

Policy python_policy();

}  // namespace pyexec::sandbox
