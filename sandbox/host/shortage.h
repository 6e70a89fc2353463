// Temporary shortages of a host's resources, as opposed to what it does not allow. Runs in the
// launcher.
#pragma once

#include <cstdint>

#include "sandbox/base/step.h"

namespace pyexec::sandbox {

// Whether an errno value means a shortage.
bool is_shortage(std::int32_t error);

// For a process that ended without a reason: returns an errno value if there are too few
// descriptors now for a process that builds jails, or if none can be forked; else 0.
std::int32_t shortage_now();

inline std::int32_t errno_of(std::int32_t result) {
  return result;
}
inline std::int32_t errno_of(const SetupError& result) {
  return result.failed() ? result.error : 0;
}

// A budget of some seconds, shared by everything that is tried.
class Patience {
 public:
  // Sleeps for a moment. Returns false if the budget is used up.
  bool wait();

 private:
  int waits_left_ = 50;
};

// Returns the result of `act`: an errno value or a SetupError. Retries while that is a shortage.
template <typename Act>
auto without_shortage(Patience& patience, Act act) {
  auto result = act();
  while (is_shortage(errno_of(result)) && patience.wait()) result = act();
  return result;
}

}  // namespace pyexec::sandbox
