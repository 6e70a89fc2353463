#include "server/base/process.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "sandbox/base/sys.h"

namespace pyexec {
namespace {

std::vector<pid_t> children() {
  std::vector<pid_t> out;
  std::ifstream file("/proc/self/task/" + std::to_string(::getpid()) + "/children");
  for (pid_t pid; file >> pid;) out.push_back(pid);
  return out;
}

bool no_child_left() {
  for (;;) {
    const pid_t pid = ::waitpid(-1, nullptr, WNOHANG);
    if (pid == -1) return errno == ECHILD;
    if (pid == 0) return false;
  }
}

}  // namespace

std::uint64_t raise_descriptor_limit() {
  rlimit limit = {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

void shorten_time_slices() {
  constexpr std::uint64_t kSliceNs = 100'000;  // the kernel's minimum
  sys::set_time_slice(kSliceNs);
}

void adopt_orphans() {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

void reap_children() {
  no_child_left();
}

bool wait_for_children(std::chrono::milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  const timespec pause = {0, 1'000'000};
  while (Clock::now() < deadline) {
    if (no_child_left()) return true;
    ::nanosleep(&pause, nullptr);
  }
  for (const pid_t pid : children()) ::kill(pid, SIGKILL);
  return false;
}

std::uint64_t resident_bytes() {
  std::uint64_t size = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * static_cast<std::uint64_t>(::getpagesize());
}

double cpu_seconds() {
  timespec used = {};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

std::string default_worker_path() {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "pyexec-worker").string();
}

}  // namespace pyexec
