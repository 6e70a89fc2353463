// What a script's calls of tools are sent by, and their answers received: functions of Python on
// the job socket. python_env/runtime/tools.py uses them.
#pragma once

namespace pyexec {

// Runs in the zygote, once tools.py is loaded. Throws if Python does not take them.
void connect_tools();

}  // namespace pyexec
