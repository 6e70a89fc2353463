// What becomes of a jail after a job, and why.
#pragma once

#include <array>
#include <cstdint>

namespace pyexec::sandbox {

// Whether a job left its jail as it was, or the first reason to throw it away.
enum class Verdict : std::uint32_t {
  untouched,
  ended,      // its worker had ended, or closed its job socket, before it was killed
  processes,  // it made a process or a thread
  files,      // it made a file, or changed a directory
  in_flight,  // it sent descriptors that nobody has received
  memory,     // the kernel's own memory for it has grown
  age,        // it has had its number of jobs, or its time
  lost,       // its init has ended
};
inline constexpr std::array kVerdictNames = {"untouched", "ended",  "processes", "files",
                                             "in_flight", "memory", "age",       "lost"};

}  // namespace pyexec::sandbox
