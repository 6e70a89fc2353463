// What the init of a jail says on its leash, a stream socket, to whoever holds the other end.
#pragma once

namespace pyexec::sandbox {

// No process of the job is left. The last byte on a leash.
inline constexpr char kJailEmpty = 'E';

}  // namespace pyexec::sandbox
