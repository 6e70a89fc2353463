// The counters of jobs with tools. On the server's thread.
#pragma once

#include <cstdint>

namespace prometheus {
class Counter;
class Gauge;
class Registry;
}  // namespace prometheus

namespace pyexec {

class ToolMetrics {
 public:
  explicit ToolMetrics(prometheus::Registry& registry);

  void called(std::uint64_t calls) const;
  void unanswered() const;  // a job was ended, as nobody answered its calls
  void set(std::uint64_t jobs, std::uint64_t waiting) const;

 private:
  prometheus::Counter *calls_, *unanswered_;
  prometheus::Gauge *jobs_, *waiting_;
};

}  // namespace pyexec
