#include "server/app/descriptors.h"

#include <algorithm>

#include "worker/protocol/control.h"
#include "worker/protocol/frame.h"

namespace pyexec {
namespace {

constexpr std::uint64_t kOwn = 64;  // listener, log, launcher, zygotes, files that are read
// With the channels of the spare process that its next job takes.
constexpr std::uint64_t kTemplateJail = kMostWorkerFds + kForkFds;

std::uint64_t fixed_descriptors(const Config& config) {
  return kOwn + kMostWorkerFds * (config.pool_workers + config.running_jobs + config.parked) +
         (kMostWorkerFds + config.session_states) * config.sessions +
         kTemplateJail * config.templates;  // each has a jail in any case
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
  const std::uint64_t fixed = fixed_descriptors(config);
  std::uint64_t left = most > fixed ? most - fixed : 0;
  // Further jails only save time, so that connections have half of what is left before they do.
  const std::uint64_t jail_of_each = kTemplateJail * config.templates;
  if (jail_of_each > 0) {
    const std::uint64_t for_jails = left - std::min(left, std::min(config.connections, left / 2));
    lower(config.template_jails, 1 + for_jails / jail_of_each, "jails of each template",
          "PYEXEC_TEMPLATE_JAILS", told);
    left -= (config.template_jails - 1) * jail_of_each;
  }
  lower(config.connections, std::max<std::uint64_t>(left, 1), "connections", "PYEXEC_CONNECTIONS",
        told);
  return told;
}

}  // namespace pyexec
