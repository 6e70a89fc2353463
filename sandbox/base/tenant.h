// What a jail is for, and so when its processes end.
#pragma once

#include <cstdint>

namespace pyexec::sandbox {

enum class Tenant : std::uint32_t {
  job,      // all of them together
  session,  // each cell's by themselves: they are a process group, which none leaves by itself
};

}  // namespace pyexec::sandbox
