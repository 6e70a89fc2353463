// The system call policy of the front end.
#pragma once

#include "sandbox/policy/syscall_rule.h"

namespace pyexec::sandbox {

Policy server_policy();

}  // namespace pyexec::sandbox
