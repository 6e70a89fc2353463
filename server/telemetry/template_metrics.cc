#include "server/telemetry/template_metrics.h"

#include "server/telemetry/metric_families.h"

namespace pyexec {
namespace {

constexpr LabelRow kTemplateEnds[] = {
#define X(name, words) {#name, words},
    PYEXEC_TEMPLATE_ENDS(X)
#undef X
};
constexpr LabelRow kJailEnds[] = {
#define X(name, words) {#name, words},
    PYEXEC_TEMPLATE_JAIL_ENDS(X)
#undef X
};

}  // namespace

std::string_view words_of(TemplateEnd why) {
  return kTemplateEnds[static_cast<std::size_t>(why)].help;
}

TemplateMetrics::TemplateMetrics(prometheus::Registry& registry)
    : made_(&counters(registry, "pyexec_templates_made_total", "Templates whose set-up succeeded")
                 .Add({})),
      setups_(&counters(registry, "pyexec_template_setups_total",
                        "Set-ups of templates run: one for each of their jails")
                   .Add({})),
      setup_seconds_(&counters(registry, "pyexec_template_setup_seconds_total",
                               "Time that set-ups of templates took")
                          .Add({})),
      templates_(&add_gauge(registry, "pyexec_templates", "Templates that are kept")),
      jails_(&add_gauge(registry, "pyexec_template_jails",
                        "Jails in which the set-up of a template has run, each with a process")),
      memory_(&add_gauge(registry, "pyexec_template_memory_bytes", "Memory of those jails")) {
  auto& asked = counters(registry, "pyexec_template_requests_total",
                         "Requests that named a template: hit, it was known; miss, it was not");
  hits_ = &asked.Add({{"found", "hit"}});
  misses_ = &asked.Add({{"found", "miss"}});
  add_by_reason(registry, "pyexec_templates_ended_total", "Templates ended", kTemplateEnds, ended_);
  add_by_reason(registry, "pyexec_template_jails_ended_total",
                "Jails of templates that get no other job", kJailEnds, jails_ended_);
}

void TemplateMetrics::made() const {
  made_->Increment();
}

void TemplateMetrics::ended(TemplateEnd why) const {
  ended_[static_cast<std::size_t>(why)]->Increment();
}

void TemplateMetrics::jail_ended(TemplateJailEnd why) const {
  jails_ended_[static_cast<std::size_t>(why)]->Increment();
}

void TemplateMetrics::set_up(std::uint64_t ns) const {
  setups_->Increment();
  setup_seconds_->Increment(static_cast<double>(ns) / 1e9);
}

void TemplateMetrics::asked(bool is_known) const {
  (is_known ? hits_ : misses_)->Increment();
}

void TemplateMetrics::set(const TemplateCount& now) const {
  templates_->Set(static_cast<double>(now.templates));
  jails_->Set(static_cast<double>(now.jails));
  memory_->Set(static_cast<double>(now.memory_bytes));
}

}  // namespace pyexec
