// What the init of a jail says on its leash, a stream socket, to whoever holds the other end.
#pragma once

namespace pyexec::sandbox {

// Every process of the job has been sent SIGKILL: none will run another instruction of its own. What is
// left is the kernel's work of taking them apart.
inline constexpr char kJobKilled = 'K';
// No process of the job is left, not even as a zombie. The last word on a leash.
inline constexpr char kJailEmpty = 'E';

}  // namespace pyexec::sandbox
