// The counters of sessions. On the server's thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace prometheus {
class Counter;
class Gauge;
class Registry;
}  // namespace prometheus

namespace pyexec {

// name, what its client is told
#define PYEXEC_SESSION_ENDS(X)                                                    \
  X(deleted, "it was deleted")                                                    \
  X(idle, "nobody used it for as long as it may be idle")                         \
  X(life, "it had its whole life")                                                \
  X(cell, "a cell had to be ended, and a session of this service is one process") \
  X(lost, "its processes were lost")                                              \
  X(stopping, "the service stops")

// Why a session has ended.
enum class SessionEnd : std::uint8_t {
#define X(name, words) name,
  PYEXEC_SESSION_ENDS(X)
#undef X
      count
};
std::string_view words_of(SessionEnd why);

struct SessionCount {
  std::uint64_t sessions, states, running_cells;
};

class SessionMetrics {
 public:
  explicit SessionMetrics(prometheus::Registry& registry);

  void opened();
  void ended(SessionEnd why);
  void dropped(std::uint64_t states);
  void set(const SessionCount& now);

 private:
  prometheus::Counter *opened_, *dropped_;
  std::array<prometheus::Counter*, static_cast<std::size_t>(SessionEnd::count)> ended_;
  prometheus::Gauge *sessions_, *states_, *running_;
};

}  // namespace pyexec
