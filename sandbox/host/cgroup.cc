// Runs in the launcher.
#include "sandbox/host/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <mntent.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>

#include "sandbox/base/sys.h"
#include "sandbox/host/cgroup_trial.h"
#include "sandbox/layers/group_files.h"

namespace pyexec::sandbox {
namespace {

constexpr char kOurs[] = "pyexec-";

// Removes the groups whose names start with `beginning`. Returns true if none is left.
bool remove_groups_in(const char* base, const std::string& beginning) {
  bool none_left = true;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(base), &::closedir);
  while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr)
    if (std::strncmp(entry->d_name, beginning.c_str(), beginning.size()) == 0 &&
        ::rmdir((std::string(base) + "/" + entry->d_name).c_str()) == -1 && errno != ENOENT)
      none_left = false;
  return none_left;
}

// Finds the path of `controller` in the lines of /proc/self/cgroup ("number:controllers:path"
// each). The line of version 2 has no controllers.
bool find_group(const std::string& groups, const std::string& controller, std::string& path) {
  for (std::size_t at = 0; at < groups.size();) {
    const std::size_t end = std::min(groups.find('\n', at), groups.size());
    const std::size_t names = groups.find(':', at) + 1, slash = groups.find(':', names) + 1;
    const std::string list = ',' + groups.substr(names, slash - 1 - names) + ',';
    if (list.find(',' + controller + ',') != std::string::npos) {
      path = groups.substr(slash, end - slash);
      return true;
    }
    at = end + 1;
  }
  return false;
}

// Returns the path of this process's own group in the mounted hierarchy that has `option`
// (version 2: "").
std::string own_group(const char* type, const char* option) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> mounts(
      ::setmntent("/proc/self/mounts", "re"), &::endmntent);
  std::string root;
  while (const mntent* entry = mounts ? ::getmntent(mounts.get()) : nullptr)
    if (std::strcmp(entry->mnt_type, type) == 0 &&
        (option[0] == '\0' || ::hasmntopt(entry, option) != nullptr))
      root = entry->mnt_dir;
  if (root.empty()) return "";
  const std::string groups = read_text("/proc/self/cgroup");
  std::string path;
  if (!find_group(groups, option, path)) return "";
  // Without a cgroup namespace, a container's mount shows the container's own group as the root.
  if (::access((root + path + "/cgroup.procs").c_str(), F_OK) == -1) path = "";
  return root + path;
}

// The launcher holds a lock on the directory of each of its groups, which shows whose they are. A
// pid would not, because several pid namespaces may see the same groups.
UniqueFd lock_directory(const std::string& path) {
  UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory && ::flock(directory.get(), LOCK_EX | LOCK_NB) == -1) directory.reset();
  return directory;
}

// Removes the groups that an earlier launcher left behind if it was killed. Only empty groups can
// be removed.
void remove_stale(const std::string& parent) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(parent.c_str()), &::closedir);
  while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr) {
    if (std::strncmp(entry->d_name, kOurs, sizeof kOurs - 1) != 0) continue;
    const std::string path = parent + "/" + entry->d_name;
    const UniqueFd owned = lock_directory(path);
    if (!owned) continue;
    remove_groups_in(path.c_str(), kSlots);
    ::rmdir(path.c_str());
  }
}

bool copy(const std::string& text, std::array<char, 256>& out) {
  if (text.size() >= out.size()) return false;
  std::memcpy(out.data(), text.c_str(), text.size() + 1);
  return true;
}

// Includes a random number: two launchers in different pid namespaces may have the same pid.
std::string fresh_name() {
  std::uint32_t random = 0;
  char text[40];
  if (::getrandom(&random, sizeof random, 0) != sizeof random) random = 0;
  std::snprintf(text, sizeof text, "/%s%d-%08x", kOurs, ::getpid(), random);
  return text;
}

// Retries: another launcher that starts meanwhile may take the group for stale before it is
// locked.
SetupError make_locked(const std::string& path, std::vector<UniqueFd>& locks, std::uint32_t index) {
  constexpr int kTries = 10;
  for (int i = 0; i < kTries; ++i) {
    if (::mkdir(path.c_str(), 0755) == -1 && errno != EEXIST)
      return fail(Step::cgroup, errno, index);
    UniqueFd lock = lock_directory(path);
    if (!lock || ::access(path.c_str(), F_OK) == -1) continue;
    locks.push_back(std::move(lock));
    return ok();
  }
  return fail(Step::cgroup, EBUSY, index);
}

// Version 2 gives controllers only to groups that have no processes beside them: the launcher and
// all other processes of the group move into a leaf.
SetupError delegate(const std::string& group, const std::string& name) {
  const std::string control = group + "/cgroup.subtree_control";
  if (!write_text(control, "+memory +pids", 0).failed()) return ok();
  const std::string leaf = group + name + "-service";
  if (::mkdir(leaf.c_str(), 0755) == -1 && errno != EEXIST)
    return fail(Step::cgroup, errno, kMemory);
  const std::string members = read_text(group + "/cgroup.procs");
  for (std::size_t at = 0; at < members.size();) {
    const std::size_t end = members.find('\n', at);
    // A process that has ended meanwhile does not matter; one that stays makes the last step
    // fail.
    if (write_text(leaf + "/cgroup.procs", members.substr(at, end - at), 0).failed()) errno = 0;
    at = end == std::string::npos ? members.size() : end + 1;
  }
  return write_text(control, "+memory +pids", kMemory);
}

void remove_group(const char* base) {
  if (base[0] == '\0') return;
  constexpr timespec kPause = {0, 5'000'000};
  for (int tries = 0; tries < 200; ++tries) {
    remove_groups_in(base, kSlots);
    if (::rmdir(base) == 0 || errno == ENOENT) return;
    ::nanosleep(&kPause, nullptr);  // a process that has just ended still counts briefly
  }
}

// Returns the CPU shares of all jobs together, in sessions: one for each processor. More would be
// taken from the few processes that make the next workers and answer clients, even while few jobs
// run.
std::uint64_t shares_of_jobs() {
  return static_cast<std::uint64_t>(std::max(1, ::get_nprocs()));
}

// The launcher's locks, and the name of its groups.
struct Ours {
  const std::string& name;
  std::vector<UniqueFd>& locks;
};

SetupError make_v2(Plan& plan, const Ours& ours) {
  const std::string group = own_group("cgroup2", "");
  const std::string has = read_text(group + "/cgroup.controllers");
  if (group.empty() || has.find("memory") == std::string::npos)
    return fail(Step::cgroup, ENOENT, kMemory);
  if (has.find("pids") == std::string::npos) return fail(Step::cgroup, ENOENT, kProcesses);
  remove_stale(group);
  PYEXEC_TRY(delegate(group, ours.name));
  const std::string base = group + ours.name;
  PYEXEC_TRY(make_locked(base, ours.locks, kMemory));
  if (!copy(base, plan.cgroup_memory) || !copy(base, plan.cgroup_pids))
    return fail(Step::cgroup, ENAMETOOLONG, kMemory);
  plan.cgroup = Cgroup::v2;
  PYEXEC_TRY(write_text(base + "/cgroup.subtree_control", "+memory +pids", kMemory));
  const bool shares_cpu =
      !write_text(group + "/cgroup.subtree_control", "+cpu", kProcessor).failed() &&
      !write_text(base + "/cgroup.subtree_control", "+cpu", kProcessor).failed() &&
      !write_text(base + "/cpu.weight",
                  std::to_string(std::min<std::uint64_t>(10'000, 100 * shares_of_jobs())),
                  kProcessor)
           .failed();
  if (shares_cpu) copy(base, plan.cgroup_cpu);
  return ok();
}

SetupError make_v1_group(const char* controller, std::uint32_t index, const Ours& ours,
                         std::array<char, 256>& directory) {
  const std::string group = own_group("cgroup", controller);
  if (group.empty()) return fail(Step::cgroup, ENOENT, index);
  remove_stale(group);
  const std::string base = group + ours.name;
  PYEXEC_TRY(make_locked(base, ours.locks, index));
  return copy(base, directory) ? ok() : fail(Step::cgroup, ENAMETOOLONG, index);
}

SetupError make_v1(Plan& plan, const Ours& ours) {
  PYEXEC_TRY(make_v1_group("memory", kMemory, ours, plan.cgroup_memory));
  PYEXEC_TRY(make_v1_group("pids", kProcesses, ours, plan.cgroup_pids));
  plan.cgroup = Cgroup::v1;
  SetupError shared = make_v1_group("cpu", kProcessor, ours, plan.cgroup_cpu);
  if (!shared.failed())
    shared = write_text(plan.cgroup_cpu.data() + std::string("/cpu.shares"),
                        std::to_string(1024 * shares_of_jobs()), kProcessor);
  if (shared.failed()) {
    remove_group(plan.cgroup_cpu.data());
    plan.cgroup_cpu = {};
  }
  return ok();
}

std::array<const std::array<char, 256>*, 3> directories_of(const Plan& plan) {
  return {&plan.cgroup_memory, &plan.cgroup_pids, &plan.cgroup_cpu};
}

}  // namespace

SetupError make_cgroups(Plan& plan, std::vector<UniqueFd>& locks) {
  const std::string name = fresh_name();
  const Ours ours = {name, locks};
  SetupError error = make_v2(plan, ours);
  if (error.failed()) {
    forget_cgroups(plan);
    error = make_v1(plan, ours);
  }
  if (!error.failed()) error = verify_bounds(plan);
  if (error.failed()) forget_cgroups(plan);
  return error;
}

void remove_cgroups(const Plan& plan) {
  for (const auto* base : directories_of(plan)) remove_group(base->data());
}

void forget_cgroups(Plan& plan) {
  remove_cgroups(plan);
  plan.cgroup = Cgroup::none;
  plan.cgroup_memory = plan.cgroup_pids = plan.cgroup_cpu = {};
}

// See sched(7), "The autogroup feature". If the file cannot be read, autogroup may be on.
void settle_sessions(Plan& plan) {
  const UniqueFd file(::open("/proc/sys/kernel/sched_autogroup_enabled", O_RDONLY | O_CLOEXEC));
  const bool is_absent = !file && errno == ENOENT;
  char is_on = '1';
  if (file && ::read(file.get(), &is_on, 1) != 1) is_on = '1';
  const bool by_sessions = !is_absent && is_on != '0';
  plan.sessions = plan.cgroup_cpu[0] == '\0' && by_sessions ? Sessions::one : Sessions::any;
}

bool remove_slots(const Plan& plan, std::uint32_t generation) {
  const std::string beginning = kSlots + std::to_string(generation) + '-';
  bool none_left = true;
  for (const auto* base : directories_of(plan))
    if (base->front() != '\0') none_left = remove_groups_in(base->data(), beginning) && none_left;
  return none_left;
}

}  // namespace pyexec::sandbox
