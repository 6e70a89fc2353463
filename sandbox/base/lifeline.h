// What the init of a jail says on its lifeline, a stream socket, to whoever holds the other end.
//
// It speaks once that end is shut down or closed, or once the worker shuts down its end of the job
// socket for writing, of which the init holds the server's end too. The worker does that when it
// has reported, so that it is stopped while the server still reads. Others in the job can do it
// too, and end the job, which they can anyway.
#pragma once

namespace pyexec::sandbox {

// The worker is stopped, and is sent SIGKILL within a millisecond. It is the only process or thread
// that the job ever had, or, where a job is one process (supervisor.h), has now. Not said if there
// are others. (A job that armed a timer to send itself SIGCONT can run until that SIGKILL, with
// nobody left who reads what it says.)
inline constexpr char kWorkerStopped = 'K';
// No process of the job is left, not even as a zombie. The last word on a lifeline.
inline constexpr char kJailEmpty = 'E';

}  // namespace pyexec::sandbox
