#include "server/app/descriptors.h"

#include <algorithm>

#include "worker/protocol/control.h"
#include "worker/protocol/frame.h"

namespace pyexec {
namespace {

constexpr std::uint64_t kOwn = 64;  // listener, log, launcher, zygotes, files that are read
// With the channels of its job, or of the spare process that the next one takes.
constexpr std::uint64_t kTemplateJail = kMostWorkerFds + kForkFds;

// Without those of templates in which no job is.
std::uint64_t most_of_jobs(const Config& config) {
  const std::uint64_t job = config.templates > 0 ? kTemplateJail : kMostWorkerFds;
  return kOwn + kMostWorkerFds * config.pool_workers + job * (config.running_jobs + config.parked) +
         (kMostWorkerFds + config.session_states) * config.sessions;
}

void lower(std::uint64_t& setting, std::uint64_t room, const char* what, const char* name,
           std::vector<std::string>& told) {
  if (room >= setting) return;
  told.push_back("the limit of open files leaves room for " + std::to_string(room) + " " + what +
                 ", not " + name + "=" + std::to_string(setting));
  setting = room;
}

}  // namespace

std::vector<std::string> share_out_descriptors(Config& config, std::uint64_t most) {
  std::vector<std::string> told;
  const std::uint64_t jobs = most_of_jobs(config);
  if (most <= jobs)
    told.push_back("the limit of open files is " + std::to_string(most) +
                   ", and jobs and sessions may need " + std::to_string(jobs) +
                   ": raise it, or lower PYEXEC_SESSIONS, PYEXEC_PARKED or PYEXEC_RUNNING");
  std::uint64_t left = most > jobs ? most - jobs : 0;
  // Templates are a cache, and further jails of one save time: connections have half before these.
  const std::uint64_t jails =
      (left - std::min(left, std::min(config.connections, left / 2))) / kTemplateJail;
  if (config.templates > 0) {
    lower(config.templates, std::max<std::uint64_t>(jails, 1), "templates", "PYEXEC_TEMPLATES",
          told);
    lower(config.template_jails, std::max<std::uint64_t>(jails / config.templates, 1),
          "jails of each template", "PYEXEC_TEMPLATE_JAILS", told);
    left -= std::min(left, config.templates * config.template_jails * kTemplateJail);
  }
  lower(config.connections, std::max<std::uint64_t>(left, 1), "connections", "PYEXEC_CONNECTIONS",
        told);
  return told;
}

}  // namespace pyexec
