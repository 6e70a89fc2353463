#include "server/workers/isolation_advice.h"

#include <cerrno>
#include <cstring>

namespace pyexec {
namespace {

using sandbox::Layer;

std::int32_t error_of(const Probed& probed, Layer layer) {
  return probed.layers[static_cast<std::size_t>(layer)];
}

// The layer that a level depends on, and how to get it.
struct Advice {
  std::uint32_t level;
  Layer layer;
  const char* how;
};
constexpr const char* kForFilter = "run on a kernel with CONFIG_SECCOMP_FILTER";
constexpr Advice kAdvice[] = {
    {1, Layer::seccomp, kForFilter},
    {1, Layer::landlock,
     "run on Linux 5.13 or later with Landlock switched on (landlock in /sys/kernel/security/lsm), "
     "under a seccomp profile that lets it through"},
    {2, Layer::seccomp, kForFilter},
    {2, Layer::other_uid, "run the container as root, with the capabilities SETUID and SETGID"},
    {3, Layer::user_namespace,
     "in Docker add --security-opt seccomp=pyexec-seccomp.json (from cloudrun/), in Kubernetes use "
     "it "
     "as a Localhost profile, and on a bare host run as root or set the sysctls "
     "user.max_user_namespaces above 0, kernel.unprivileged_userns_clone to 1 and "
     "kernel.apparmor_restrict_unprivileged_userns to 0"},
    {3, Layer::mount_tmpfs,
     "in Docker add --security-opt seccomp=pyexec-seccomp.json and, where AppArmor is active, "
     "--security-opt apparmor=pyexec (both from cloudrun/)"},
    {3, Layer::pivot_root,
     "in Docker add --security-opt seccomp=pyexec-seccomp.json (from cloudrun/)"},
    {4, Layer::memory_cgroup,
     "give the service a cgroup that it may write: root on the host, Delegate=yes in a systemd "
     "unit, "
     "docker run --privileged"},
    {4, Layer::pids_cgroup,
     "give the service a cgroup that it may write: root on the host, Delegate=yes in a systemd "
     "unit, "
     "docker run --privileged"},
};

// Uids of workers that are starting or being torn down.
constexpr std::uint64_t kUidsBeside = 8;

}  // namespace

std::optional<std::string> shortage(const Probed& probed) {
  if (!probed.shortage.failed()) return std::nullopt;
  struct Thing {
    std::int32_t error;
    const char* name;
  };
  constexpr Thing kThings[] = {
      {EMFILE, "open files (ulimit -n)"},
      {ENFILE, "open files of the whole host (fs.file-max)"},
      {EAGAIN, "processes (ulimit -u, the pids limit of its control group)"},
      {ENOMEM, "memory"},
      {ENOBUFS, "memory for sockets"},
      {EUSERS, "uids for jobs"},
      {ENOSPC, "room in a file system, or namespaces (user.max_*_namespaces)"},
  };
  std::string text = "this host is short of something that isolation needs";
  for (const Thing& thing : kThings)
    if (thing.error == probed.shortage.error)
      text = std::string("this host is short of ") + thing.name;
  return text + ", so that its isolation level cannot be told; a weaker one is not taken for it: " +
         sandbox::describe(probed.shortage);
}

bool has_filter_alone(const Probed& probed) {
  return probed.level > 0 &&
         std::strstr(probed.tried[probed.tried_count - 1].plan.data(), "alone") != nullptr;
}

std::string next_level(const Probed& probed, std::uint32_t max_level) {
  constexpr std::uint32_t kStrongest = 4;
  if (probed.level >= kStrongest) return "This is the strongest level.";
  const std::string next = std::to_string(probed.level + 1);
  if (max_level <= probed.level)
    return "For level " + next + " (" + isolation_name(probed.level + 1) +
           "), raise PYEXEC_MAX_LEVEL: it is " + std::to_string(max_level) +
           ", and no stronger jail was tried.";
  for (const Advice& advice : kAdvice) {
    const auto error = error_of(probed, advice.layer);
    if (advice.level != probed.level + 1 || error == 0) continue;
    return "For level " + next + " (" + isolation_name(probed.level + 1) + "), " + advice.how +
           ": " + sandbox::kLayerTexts[static_cast<std::size_t>(advice.layer)].name +
           " is missing here (" + std::strerror(error) + ").";
  }
  return "What is missing for level " + next + " (" + isolation_name(probed.level + 1) +
         ") stands in jails_tried.";
}

std::optional<std::string> below_minimum(const Probed& probed, const WantedIsolation& wanted) {
  if (has_filter_alone(probed) && wanted.running_jobs != 1)
    return "a system call filter alone keeps jobs apart only one at a time: PYEXEC_ALLOW_WEAK=1 "
           "wants "
           "PYEXEC_RUNNING=1";
  const std::uint64_t wanted_uids =
      wanted.pool_workers + wanted.running_jobs + wanted.parked_jobs + kUidsBeside;
  if (probed.job_uids > 0 && probed.job_uids < wanted_uids)
    return "PYEXEC_POOL=" + std::to_string(wanted.pool_workers) +
           ", PYEXEC_RUNNING=" + std::to_string(wanted.running_jobs) +
           " and PYEXEC_PARKED=" + std::to_string(wanted.parked_jobs) + " take " +
           std::to_string(wanted_uids) + " uids for jobs, and this user namespace leaves " +
           std::to_string(probed.job_uids);
  if (probed.level >= wanted.min_level && probed.level > 0) return std::nullopt;
  if (wanted.max_level < wanted.min_level)
    return "PYEXEC_MAX_LEVEL=" + std::to_string(wanted.max_level) +
           " is below PYEXEC_MIN_LEVEL=" + std::to_string(wanted.min_level);
  std::string text = "this host gives isolation level " + std::to_string(probed.level) + " (" +
                     isolation_name(probed.level) +
                     "), below PYEXEC_MIN_LEVEL=" + std::to_string(wanted.min_level);
  for (const Advice& advice : kAdvice) {
    const auto error = error_of(probed, advice.layer);
    if (advice.level <= probed.level || advice.level > wanted.min_level || error == 0) continue;
    return text + ": " + sandbox::kLayerTexts[static_cast<std::size_t>(advice.layer)].name +
           " is missing (" + std::strerror(error) + "); to get it, " + advice.how;
  }
  if (probed.tried_count > 0)
    text += ": " + sandbox::describe(probed.tried[0].error) + "; pyexec-server --probe tells more";
  return text;
}

}  // namespace pyexec
