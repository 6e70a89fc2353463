// Messages on the lifeline of a session's jail, between the server and the jail's init, as long as
// the lifeline is open: a cell's processes end or are tidied up while others of the jail live on.
//
// Each cell is a child of the init and leads a process group of its own, which holds all that it
// starts. The server names it by its pid in the jail, which is the word of a process that runs
// scripts: whatever it names is in the same jail.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "sandbox/base/times.h"

namespace pyexec::sandbox {

enum class CellOrder : std::uint32_t {
  settle = 1,  // end all of the group but its leader
  kill = 2,    // end all of the group
  stop = 3     // stop all of the group
};

// Server to init. Answered by a CellNotice `done` with the same pid.
struct CellCommand {
  CellOrder order;
  pid_t pid;
};

// Precedes each CellNotice, so that it differs from the other words of a lifeline (lifeline.h).
inline constexpr char kCellNotice = 'C';

// Init to server.
struct CellNotice {
  enum class Kind : std::uint32_t {
    ended = 1,  // a cell's own process is reaped
    done = 2,   // what was ordered is done: the others, or all of them, are gone and reaped
    failed = 3  // they could not be ended, which happens only if the kernel is in trouble
  };
  Kind kind;
  pid_t pid;
  std::int32_t wait_status;  // ended: as from waitpid(2)
  // done, and not to settle: 1 if no process or thread was made in the jail after the cell's own
  // process, by the kernel's count. That is known only of a process that is not reaped yet: nobody
  // else can have its number, so the count cannot have come round to it again. After `stop` it may
  // still have been making one.
  std::uint32_t was_alone;
  Usage usage;  // ended: from its fork on
};

}  // namespace pyexec::sandbox
