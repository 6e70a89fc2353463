// Registers families of metrics that have one member, or are counted by reason.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <string>
#include <utility>

namespace pyexec {

// Returns "help: name, its help; name, ...".
template <typename Rows>
std::string with_rows(std::string help, const Rows& rows) {
  const char* separator = ": ";
  for (const auto& row : rows)
    help += std::exchange(separator, "; ") + std::string(row.name) + ", " + row.help;
  return help;
}

inline prometheus::Family<prometheus::Counter>& counters(prometheus::Registry& registry,
                                                         const char* name,
                                                         const std::string& help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

inline prometheus::Gauge& add_gauge(prometheus::Registry& registry, const char* name,
                                    const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

}  // namespace pyexec
