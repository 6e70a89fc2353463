// What a host has and has too little of now, as opposed to what it does not allow. Runs in the
// launcher.
#pragma once

#include <cstdint>

#include "sandbox/base/step.h"

namespace pyexec::sandbox {

// Whether an errno value says so.
bool is_shortage(std::int32_t error);

// For where a process ended and could not say why: an errno value if there are too few descriptors
// now for one that builds jails, or none can be forked; else 0.
std::int32_t shortage_now();

inline std::int32_t errno_of(std::int32_t result) {
  return result;
}
inline std::int32_t errno_of(const SetupError& result) {
  return result.failed() ? result.error : 0;
}

// Some seconds, for all that is tried together.
class Patience {
 public:
  // Sleeps for a moment. false: it is used up.
  bool wait();

 private:
  int waits_left_ = 50;
};

// What `act` returns: an errno value or a SetupError. Tries again while that is a shortage.
template <typename Act>
auto without_shortage(Patience& patience, Act act) {
  auto result = act();
  while (is_shortage(errno_of(result)) && patience.wait()) result = act();
  return result;
}

}  // namespace pyexec::sandbox
