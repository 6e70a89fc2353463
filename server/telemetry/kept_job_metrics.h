// Jobs whose callers do not wait. On the server's thread.
#pragma once

#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <cstdint>

namespace pyexec {

struct KeptJobCount {
  std::uint64_t running, kept, bytes;  // bytes: of the kept answers
};

class KeptJobMetrics {
 public:
  explicit KeptJobMetrics(prometheus::Registry& registry);
  void set(const KeptJobCount& count) const;

 private:
  prometheus::Gauge *running_, *kept_, *bytes_;
};

}  // namespace pyexec
