// The counters of templates. On the server's thread.
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

// name, in words
#define PYEXEC_TEMPLATE_ENDS(X)                                        \
  X(deleted, "it was deleted")                                         \
  X(idle, "nobody used it for as long as it may be idle")              \
  X(room, "it was the least lately used, and another needed its room") \
  X(stopping, "the service stops")

// Why a template has ended.
enum class TemplateEnd : std::uint8_t {
#define X(name, words) name,
  PYEXEC_TEMPLATE_ENDS(X)
#undef X
      count
};
std::string_view words_of(TemplateEnd why);

// name, in words
#define PYEXEC_TEMPLATE_JAIL_ENDS(X)                                     \
  X(processes, "a job made another process or thread, or ended its own") \
  X(files, "a job changed a file, or made one")                          \
  X(single, "where that is not proven, each jail is for one job")        \
  X(jobs, "it has had as many jobs as a jail may have")                  \
  X(session, "a session has taken it")                                   \
  X(lost, "it ended by itself, or had to be ended")

// Why a jail of a template gets no other job.
enum class TemplateJailEnd : std::uint8_t {
#define X(name, words) name,
  PYEXEC_TEMPLATE_JAIL_ENDS(X)
#undef X
      count
};

struct TemplateCount {
  std::uint64_t templates, jails, memory_bytes;
};

class TemplateMetrics {
 public:
  explicit TemplateMetrics(prometheus::Registry& registry);

  void made() const;
  void ended(TemplateEnd why) const;
  void jail_ended(TemplateJailEnd why) const;
  void set_up(std::uint64_t ns) const;  // the set-up has run, in however many jails
  void asked(bool is_known) const;      // a request named a template
  void set(const TemplateCount& now) const;

 private:
  prometheus::Counter *made_, *setups_, *setup_seconds_, *hits_, *misses_;
  std::array<prometheus::Counter*, static_cast<std::size_t>(TemplateEnd::count)> ended_;
  std::array<prometheus::Counter*, static_cast<std::size_t>(TemplateJailEnd::count)> jails_ended_;
  prometheus::Gauge *templates_, *jails_, *memory_;
};

}  // namespace pyexec
