#include "server/telemetry/session_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <string>

namespace pyexec {
namespace {

struct EndRow {
  const char *name, *words;
};
constexpr EndRow kEnds[] = {
#define X(name, words) {#name, words},
    PYEXEC_SESSION_ENDS(X)
#undef X
};

prometheus::Family<prometheus::Counter>& counters(prometheus::Registry& registry, const char* name,
                                                  const std::string& help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

prometheus::Gauge& add_gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

}  // namespace

std::string_view words_of(SessionEnd why) {
  return kEnds[static_cast<std::size_t>(why)].words;
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
  std::string help = "Sessions ended";
  const char* separator = ": ";
  for (const EndRow& row : kEnds) {
    help += separator + std::string(row.name) + ", " + row.words;
    separator = "; ";
  }
  auto& ended = counters(registry, "pyexec_sessions_ended_total", help);
  for (std::size_t i = 0; i < ended_.size(); ++i) ended_[i] = &ended.Add({{"reason", kEnds[i].name}});
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
