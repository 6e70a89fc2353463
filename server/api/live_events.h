// The events of a live answer, as data. Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace pyexec {

// identifier, name; in the order in which they are sent
#define PYEXEC_LIVE_EVENTS(X)  \
  X(standard_output, "stdout") \
  X(standard_error, "stderr")  \
  X(call, "call")              \
  X(result, "result")          \
  X(error, "error")            \
  X(displays, "displays")      \
  X(files, "files")            \
  X(end, "end")

enum class LiveEvent : std::uint8_t {
#define X(identifier, name) identifier,
  PYEXEC_LIVE_EVENTS(X)
#undef X
};

inline constexpr std::string_view kLiveEventNames[] = {
#define X(identifier, name) name,
    PYEXEC_LIVE_EVENTS(X)
#undef X
};

}  // namespace pyexec
