// The bytes that a jail's init sends on its lifeline, a stream socket, to the holder of the other
// end.
//
// The init sends once that end is shut down or closed, or once the worker shuts down its end of the
// job socket for writing (the init also holds the server's end). The worker does that when it has
// reported, so that it is stopped while the server still reads. Other processes of the job can do
// it too, which ends the job; they can do that anyway.
#pragma once

namespace pyexec::sandbox {

// The worker is stopped, and is sent SIGKILL within a millisecond. It is the only process or thread
// that the job ever had or, where a job is one process (supervisor.h), has now. Not sent if there
// are others. (A job that armed a timer to send itself SIGCONT can run until that SIGKILL, and a
// fork that was under way may end in another process, which is killed before `kJailEmpty`; but
// nobody reads their output any more.)
inline constexpr char kWorkerStopped = 'K';
// No process of the job is left, not even as a zombie. The last byte on a lifeline. (The jail
// itself may live on, for another job: sandbox/makers/kept_jail.h.)
inline constexpr char kJailEmpty = 'E';

}  // namespace pyexec::sandbox
