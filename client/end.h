// How a run of pyexec-batch ends.
#pragma once

#include <string>

namespace pyexec::client {

inline constexpr int kExitOk = 0;
inline constexpr int kExitSomeFailed = 1;
inline constexpr int kExitRefused = 2;   // usage, files, or the service
inline constexpr int kExitGaveUp = 3;    // jobs are left without an answer
inline constexpr int kExitSignal = 128;  // plus its number, as shells say it

struct End {
  int code = kExitOk;
  std::string message = {};  // empty: nothing to say
};

}  // namespace pyexec::client
