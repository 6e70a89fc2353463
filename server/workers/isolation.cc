#include "server/workers/isolation.h"

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <sys/utsname.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>

namespace pyexec {
namespace {

using sandbox::Layer;

std::int32_t error_of(const Probed& probed, Layer layer) {
  return probed.layers[static_cast<std::size_t>(layer)];
}

// Which layer a level stands or falls with, and how to get it.
struct Advice {
  std::uint32_t level;
  Layer layer;
  const char* how;
};
constexpr Advice kAdvice[] = {
    {2, Layer::seccomp, "run on a kernel with CONFIG_SECCOMP_FILTER"},
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

template <typename Writer>
void write_features(Writer& out, const Probed& probed) {
  out.StartObject();
  const std::pair<const char*, bool> features[] = {
      {"threads", probed.level > 0},
      {"subprocess", probed.has_processes == 1},
      {"multiprocessing", probed.has_processes == 1},
      {"scratch", probed.has_scratch == 1},          // a place to write: $TMPDIR
      {"private_tmp", probed.has_private_tmp == 1},  // and it is /tmp, the working directory
      {"file_locks", probed.has_file_locks == 1},    // fcntl and flock on its own files
      {"sessions", probed.has_sessions == 1},        // setsid, subprocess with start_new_session
  };
  for (const auto& [name, there] : features) {
    out.Key(name);
    out.Bool(there);
  }
  out.EndObject();
}

template <typename Writer>
void write_level(Writer& out, const Probed& probed) {
  out.Key("level");
  out.Uint(probed.level);
  out.Key("name");
  out.String(isolation_name(probed.level));
  out.Key("jail");
  if (probed.level > 0)
    out.String(probed.tried[probed.tried_count - 1].plan.data());
  else
    out.Null();
  out.Key("platform");
  out.String(platform().c_str());
}

bool file_contains(const char* path, std::string_view text) {
  std::ifstream file(path);
  const std::string content((std::istreambuf_iterator<char>(file)), {});
  return content.find(text) != std::string::npos;
}

// Of workers that are on their way, and of those that are being taken apart.
constexpr std::uint64_t kUidsBeside = 8;

}  // namespace

std::string platform() {
  // gVisor has one version text for all its releases, whatever kernel it says it is.
  const bool gvisor = file_contains("/proc/version", "#1 SMP Sun Jan 10 15:06:54 PST 2016");
  if (std::getenv("K_SERVICE") != nullptr || std::getenv("CLOUD_RUN_JOB") != nullptr)
    return gvisor ? "cloud_run_gen1" : "cloud_run_gen2";
  if (gvisor) return "gvisor";
  if (std::getenv("KUBERNETES_SERVICE_HOST") != nullptr) return "kubernetes";
  std::error_code ignored;
  if (std::filesystem::exists("/.dockerenv", ignored)) return "docker";
  if (std::filesystem::exists("/run/.containerenv", ignored)) return "podman";
  return "bare";
}

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

std::optional<std::string> below_minimum(const Probed& probed, const Config& config) {
  const bool is_weak =
      probed.level > 0 &&
      std::strstr(probed.tried[probed.tried_count - 1].plan.data(), "alone") != nullptr;
  if (is_weak && config.running_jobs != 1)
    return "a system call filter alone keeps jobs apart only one at a time: PYEXEC_ALLOW_WEAK=1 "
           "wants "
           "PYEXEC_RUNNING=1";
  const std::uint64_t wanted_uids = config.pool_workers + config.running_jobs + kUidsBeside;
  if (probed.job_uids > 0 && probed.job_uids < wanted_uids)
    return "PYEXEC_POOL=" + std::to_string(config.pool_workers) +
           " and PYEXEC_RUNNING=" + std::to_string(config.running_jobs) + " take " +
           std::to_string(wanted_uids) + " uids for jobs, and this user namespace leaves " +
           std::to_string(probed.job_uids);
  if (probed.level >= config.min_level && probed.level > 0) return std::nullopt;
  if (config.max_level < config.min_level)
    return "PYEXEC_MAX_LEVEL=" + std::to_string(config.max_level) +
           " is below PYEXEC_MIN_LEVEL=" + std::to_string(config.min_level);
  std::string text = "this host gives isolation level " + std::to_string(probed.level) + " (" +
                     isolation_name(probed.level) +
                     "), below PYEXEC_MIN_LEVEL=" + std::to_string(config.min_level);
  for (const Advice& advice : kAdvice) {
    const auto error = error_of(probed, advice.layer);
    if (advice.level <= probed.level || advice.level > config.min_level || error == 0) continue;
    return text + ": " + sandbox::kLayerTexts[static_cast<std::size_t>(advice.layer)].name +
           " is missing (" + std::strerror(error) + "); to get it, " + advice.how;
  }
  if (probed.tried_count > 0)
    text += ": " + sandbox::describe(probed.tried[0].error) + "; pyexec-server --probe tells more";
  return text;
}

std::string isolation_document(const Isolation& isolation) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> out(buffer);
  out.StartObject();
  write_level(out, isolation.probed);
  out.Key("features");
  write_features(out, isolation.probed);
  out.Key("selftest");
  out.StartObject();
  out.Key("run");
  out.Uint64(isolation.selftest_run);
  out.Key("blocked");
  out.Uint64(isolation.selftest_blocked);
  out.EndObject();
  out.EndObject();
  return buffer.GetString();
}

std::string probe_document(const Probed& probed) {
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> out(buffer);
  out.SetIndent(' ', 2);
  out.StartObject();
  write_level(out, probed);
  utsname host = {};
  ::uname(&host);
  out.Key("kernel");
  out.String(host.release);
  out.Key("machine");
  out.String(host.machine);
  out.Key("landlock_abi");
  out.Uint(probed.landlock_abi);
  out.Key("features");
  write_features(out, probed);
  out.Key("layers");
  out.StartObject();
  for (std::size_t i = 0; i < sandbox::kLayerCount; ++i) {
    out.Key(sandbox::kLayerTexts[i].name);
    out.StartObject();
    out.Key("works");
    out.Bool(probed.layers[i] == 0);
    if (probed.layers[i] != 0) {
      out.Key("errno");
      out.String(::strerrorname_np(probed.layers[i]));
    }
    out.Key("gives");
    out.String(sandbox::kLayerTexts[i].what);
    out.EndObject();
  }
  out.EndObject();
  out.Key("jails_tried");
  out.StartArray();
  for (std::uint32_t i = 0; i < probed.tried_count; ++i) {
    out.StartObject();
    out.Key("jail");
    out.String(probed.tried[i].plan.data());
    out.Key("failed_at");
    if (probed.tried[i].error.failed())
      out.String(sandbox::describe(probed.tried[i].error).c_str());
    else
      out.Null();
    out.EndObject();
  }
  out.EndArray();
  out.EndObject();
  return std::string(buffer.GetString()) + "\n";
}

}  // namespace pyexec
