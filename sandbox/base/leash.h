// What the init of a jail says on its leash, a stream socket, to whoever holds the other end.
#pragma once

namespace pyexec::sandbox {

// The worker has been sent SIGKILL: it will not run another instruction of the job. It is the only
// process or thread that the job ever had; what is left of it is the kernel's work of taking it
// apart. Not said if the job made others.
inline constexpr char kWorkerKilled = 'K';
// No process of the job is left, not even as a zombie. The last word on a leash.
inline constexpr char kJailEmpty = 'E';

}  // namespace pyexec::sandbox
