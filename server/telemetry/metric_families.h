// Registers families of metrics that have one member, or are counted by reason.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <string>
#include <utility>

namespace pyexec {

// A value of a label, and what it means.
struct LabelRow {
  const char *name, *help;
};

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

// Adds a counter for each row, in their order, labelled by `reason`.
template <typename Rows, typename Counters>
void add_by_reason(prometheus::Registry& registry, const char* name, const std::string& help,
                   const Rows& rows, Counters& out) {
  auto& family = counters(registry, name, with_rows(help, rows));
  std::size_t i = 0;
  for (const auto& row : rows) out[i++] = &family.Add({{"reason", row.name}});
}

inline prometheus::Gauge& add_gauge(prometheus::Registry& registry, const char* name,
                                    const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

}  // namespace pyexec
