// pyexec-one-jail CANDIDATE [cgroup]: makes one jail by that row of sandbox/plan/plan.cc (in
// control groups: one that may be kept), enters it with a process that is no interpreter, and has
// that say what it sees. Without Python, so that a test can do it some thousand times, each with
// another call failing (tests/support/saboteur.c).
//
// Prints "user code ran: ..." if a worker got through `enter_jail`, then waits for end of file on
// its stdin, so that one can look at the worker from outside; at last "set up: ok" or which step
// failed.
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "sandbox/base/lifeline.h"
#include "sandbox/base/sys.h"
#include "sandbox/host/cgroup.h"
#include "sandbox/host/probe.h"
#include "sandbox/jail.h"
#include "sandbox/layers/scratch.h"
#include "sandbox/layers/slot.h"
#include "sandbox/makers/outer_userns.h"
#include "sandbox/makers/spawner.h"
#include "sandbox/makers/supervisor.h"
#include "sandbox/policy/bpf.h"
#include "sandbox/policy/python_policy.h"
#include "tests/jail/limits.h"

// There where the saboteur is preloaded: faults are for calls of sandbox/, not for those of this
// file.
extern "C" void saboteur_arm() __attribute__((weak));
extern "C" void saboteur_disarm() __attribute__((weak));

using namespace pyexec;
using namespace pyexec::sandbox;

namespace {

constexpr std::uint32_t kWorkerId = 7;
constexpr int kSaidFailure = 3;

void arm() {
  if (saboteur_arm != nullptr) saboteur_arm();
}
void disarm() {
  if (saboteur_disarm != nullptr) saboteur_disarm();
}
template <typename Act>
auto armed(Act act) {
  arm();
  auto result = act();
  disarm();
  return result;
}

// One line, written at once.
class Line {
 public:
  [[gnu::format(printf, 2, 3)]] void add(const char* format, ...) {
    va_list list;
    va_start(list, format);
    const int size = std::vsnprintf(text_ + size_, sizeof text_ - size_, format, list);
    va_end(list);
    size_ = std::min(sizeof text_ - 2, size_ + static_cast<std::size_t>(std::max(size, 0)));
  }
  void print() {
    text_[size_++] = '\n';
    if (::write(STDOUT_FILENO, text_, size_) == -1) ::_exit(9);
  }

 private:
  char text_[16384];
  std::size_t size_ = 0;
};

int error_of(int result) {
  return result == -1 ? errno : 0;
}

void see_files(Line& line, const Plan& plan) {
  const char* const read[] = {"/",           "/proc/self/status",
                              "/etc/passwd", "/etc/ld.so.cache",
                              "/usr/bin",    "/usr/lib",
                              "/root",       "/sys/fs/cgroup",
                              "/dev/shm",    "/tmp",
                              "/dev/null",   "/dev/urandom",
                              "/proc/1/fd",  "/home",
                              "/var/tmp",    "/run"};
  line.add(" read");
  for (const char* path : read)
    line.add(" %s=%d", path, error_of(::open(path, O_RDONLY | O_CLOEXEC)));
  line.add(" write");
  for (const char* directory :
       {"", "/etc", "/usr", "/usr/lib", "/usr/bin", "/dev", "/dev/shm", "/tmp", "/var/tmp", "*"}) {
    const bool own = directory[0] == '*';
    char path[160];
    std::snprintf(path, sizeof path, "%s/one-jail",
                  own && plan.scratch[0] != '\0' ? scratch_of(plan, kWorkerId).text
                  : own                          ? ""
                                                 : directory);
    line.add(" %s=%d", own ? "scratch" : directory,
             error_of(::open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)));
    ::unlink(path);
  }
  line.add(" mounts");
  for (const char* path : {"/", "/tmp", "/dev/shm", "/etc", "/usr/bin", "/usr/lib", "/dev/null"}) {
    struct statvfs state = {};
    const int error = error_of(::statvfs(path, &state));
    // The host's own file systems have other numbers every time.
    const bool own = plan.root == Root::image && std::strncmp(path, "/usr", 4) != 0;
    line.add(" %s=%d/%lx", path, error, state.f_flag);
    if (own && std::strcmp(path, "/dev/null") != 0)
      line.add("/%llu/%llu", static_cast<unsigned long long>(state.f_blocks * state.f_frsize),
               static_cast<unsigned long long>(state.f_files));
  }
}

void see(const Plan& plan) {
  ::prctl(PR_SET_NAME, "one-jail-user", 0, 0, 0);
  Line line;
  uid_t uid[3];
  gid_t gid[3];
  ::getresuid(&uid[0], &uid[1], &uid[2]);
  ::getresgid(&gid[0], &gid[1], &gid[2]);
  line.add("user code ran: uid %u/%u/%u gid %u/%u/%u groups %d", uid[0], uid[1], uid[2], gid[0],
           gid[1], gid[2], ::getgroups(0, nullptr));
  sys::Capabilities left = {};
  const int capget = error_of(sys::get_capabilities(&left));
  line.add(" caps %d/%llx/%llx/%llx bounding", capget,
           static_cast<unsigned long long>(left.effective),
           static_cast<unsigned long long>(left.permitted),
           static_cast<unsigned long long>(left.inheritable));
  for (int i = 0; i < 41; ++i) line.add(" %d", ::prctl(PR_CAPBSET_READ, i, 0, 0, 0));
  line.add(" no_new_privs %d dumpable %d seccomp %d", ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
           ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
  line.add(" rlimits");
  for (int i = 0; i < RLIM_NLIMITS; ++i) {
    rlimit limit = {};
    ::getrlimit(static_cast<__rlimit_resource>(i), &limit);
    line.add(" %d=%llx/%llx", i, static_cast<unsigned long long>(limit.rlim_cur),
             static_cast<unsigned long long>(limit.rlim_max));
  }
  utsname names = {};
  ::uname(&names);
  char cwd[256] = "?";
  if (::getcwd(cwd, sizeof cwd) == nullptr) std::strcpy(cwd, "none");
  const pid_t pid = ::getpid();
  line.add(" host %s cwd %s pid %d leader %d", names.nodename, cwd, pid < 10 ? pid : 10,
           ::getsid(0) == pid || errno == EPERM);
  line.add(" fds");
  for (int fd = 0; fd < 256; ++fd) {
    struct stat state;
    if (::fstat(fd, &state) == 0) line.add(" %d=%o", fd, state.st_mode & S_IFMT);
  }
  see_files(line, plan);
  line.print();
}

// As probe.cc's, but for what the worker does in the jail, and for the slot.
SetupError make_one_jail(const Plan& plan) {
  PYEXEC_TRY(armed([&] { return enter_nest(plan); }));
  Spawner spawner;
  if (!plan.namespaces()) PYEXEC_TRY(check(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), Step::dumpable));
  PYEXEC_TRY(armed([&] { return spawner.start(plan, kLimits); }));
  Slot slot;
  if (plan.cgroup != Cgroup::none)
    PYEXEC_TRY(armed([&] { return slot.enter(plan, kLimits, {0, 0}); }));
  EmptyJail jail;
  const bool answered = armed([&] { return spawner.request(kWorkerId) && spawner.take(jail); });
  if (!answered) return fail(Step::control, EPIPE);
  PYEXEC_TRY(jail.error);

  int job[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, job) == -1) std::abort();
  UniqueFd outer(job[0]), inner(job[1]);
  const std::vector<sock_filter> program = compile(policy_for(plan));
  pid_t pid = -1;
  arm();
  SetupError result = spawner.fork_into(jail, pid);
  if (pid == 0) {
    outer.reset();
    int socket = inner.get();
    if (!result.failed()) {
      result = enter_jail({plan, kWorkerId, false, jail.init_pidfd.get(), STDOUT_FILENO,
                           STDERR_FILENO, socket, kLimits, program});
      if (result.step > Step::descriptors || !result.failed()) socket = kJobFd;
    }
    disarm();
    if (!result.failed()) see(plan);
    sys::send_all(socket, &result, sizeof result);
    char ignored;
    sys::read_all(socket, &ignored, 1);
    ::_exit(0);
  }
  disarm();
  inner.reset();
  if (!result.failed() && !sys::read_all(outer.get(), &result, sizeof result))
    result = fail(Step::fork, EPIPE, 7);
  char ignored;
  if (!result.failed()) sys::read_all(STDIN_FILENO, &ignored, 1);
  outer.reset();
  if (jail.lifeline) ::shutdown(jail.lifeline.get(), SHUT_WR);
  if (pid > 0) sys::retry([&] { return ::waitpid(pid, nullptr, 0); });
  char word = 0, last = 0;
  while (jail.lifeline && sys::read_all(jail.lifeline.get(), &word, 1)) last = word;
  if (!result.failed() && last != kJailEmpty) return fail(Step::verify, 0, 20);
  return result;
}

void say(const SetupError& error) {
  std::printf("set up: %s\n", error.failed() ? describe(error).c_str() : "ok");
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const auto index = static_cast<std::size_t>(argc > 1 ? std::atoi(argv[1]) : 0);
  if (index >= candidates().size()) return 2;
  Plan plan = candidates()[index].plan;
  plan.landlock_abi = std::max(0, sys::landlock_abi());
  UidRange uids;
  if (const SetupError claimed = uids.claim(); claimed.failed()) return say(claimed), 1;
  uids.give_to(plan);
  std::vector<UniqueFd> locks;
  arm();
  if (!plan.namespaces() && plan.root != Root::chroot) make_scratch_base(plan);
  const SetupError grouped = argc > 2 ? make_cgroups(plan, locks) : ok();
  settle_sessions(plan);
  disarm();
  if (argc > 2) plan.reuse = Reuse::if_untouched;
  if (grouped.failed()) return say(grouped), 1;

  const pid_t pid = ::fork();
  if (pid == 0) {
    const SetupError result = make_one_jail(plan);
    say(result);
    ::_exit(result.failed() ? kSaidFailure : 0);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  if (code != 0 && code != kSaidFailure) say(fail(Step::control, EPIPE, 30));  // as try_plan does
  arm();
  release(plan);
  disarm();
  const pid_t holder = uids.holder();
  uids.release();
  if (holder > 0) ::waitpid(holder, nullptr, 0);
  std::fflush(stdout);
  return code == 0 ? 0 : 1;
}
