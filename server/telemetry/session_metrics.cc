#include "server/telemetry/session_metrics.h"

#include "server/telemetry/metric_families.h"

namespace pyexec {
namespace {

constexpr LabelRow kSessionEnds[] = {
#define X(name, words) {#name, words},
    PYEXEC_SESSION_ENDS(X)
#undef X
};

}  // namespace

std::string_view words_of(SessionEnd why) {
  return kSessionEnds[static_cast<std::size_t>(why)].help;
}

SessionMetrics::SessionMetrics(prometheus::Registry& registry)
    : opened_(&counters(registry, "pyexec_sessions_opened_total", "Sessions whose set-up succeeded")
                   .Add({})),
      dropped_(&counters(registry, "pyexec_session_states_dropped_total",
                         "Kept states of sessions dropped, least lately used first, for the limit "
                         "on their number or memory")
                    .Add({})),
      sessions_(&add_gauge(registry, "pyexec_sessions", "Open sessions")),
      states_(&add_gauge(registry, "pyexec_session_states",
                         "States that open sessions keep, each a process")),
      running_(&add_gauge(registry, "pyexec_session_cells_running", "Cells that run now")) {
  add_by_reason(registry, "pyexec_sessions_ended_total", "Sessions ended", kSessionEnds, ended_);
}

void SessionMetrics::opened() {
  opened_->Increment();
}

void SessionMetrics::ended(SessionEnd why) {
  ended_[static_cast<std::size_t>(why)]->Increment();
}

void SessionMetrics::dropped(std::uint64_t states) {
  if (states > 0) dropped_->Increment(static_cast<double>(states));
}

void SessionMetrics::set(const SessionCount& now) {
  sessions_->Set(static_cast<double>(now.sessions));
  states_->Set(static_cast<double>(now.states));
  running_->Set(static_cast<double>(now.running_cells));
}

}  // namespace pyexec
