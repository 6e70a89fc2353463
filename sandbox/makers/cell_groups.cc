// Runs as pid 1 of a session's jail.
#include "sandbox/makers/cell_groups.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include "sandbox/base/sys.h"
#include "sandbox/base/unique_fd.h"
#include "sandbox/makers/pid_numbers.h"

namespace pyexec::sandbox {
namespace {

constexpr pid_t kFirst = 3;           // after the init and the session's first process
constexpr pid_t kMostPids = 1 << 22;  // PID_MAX_LIMIT of the kernel
constexpr timespec kPause = {0, 200'000};
constexpr int kMostPauses = 50'000, kMostForeign = 5'000;

void wake(int) {}

bool is_process(pid_t pid) {
  return ::tgkill(pid, pid, 0) == 0;  // not a thread's number
}

// One that has ended stays a process until its parent, which is parked, waits for it.
bool has_ended(pid_t pid) {
  const UniqueFd handle(sys::pidfd_open(pid));
  pollfd ended = {handle.get(), POLLIN, 0};
  return !handle || ::poll(&ended, 1, 0) == 1;
}

// Calls `act` for each process of the group that the leader has made.
template <typename Act>
void for_each_other(pid_t leader, pid_t newest, Act act) {
  const auto sweep = [&](pid_t from, pid_t to) {
    for (pid_t pid = from; pid <= to; ++pid)
      if (pid != leader && ::getpgid(pid) == leader && is_process(pid)) act(pid);
  };
  if (newest >= leader) return sweep(leader + 1, newest);
  sweep(leader + 1, kMostPids);  // the numbers have begun again
  sweep(kFirst, newest);
}

}  // namespace

SetupError CellGroups::begin() {
  sigset_t ended;
  ::sigemptyset(&ended);
  ::sigaddset(&ended, SIGCHLD);
  PYEXEC_TRY(check(::sigprocmask(SIG_SETMASK, &ended, nullptr), Step::init_seal, 8));
  return check(::signal(SIGCHLD, wake) == SIG_ERR ? -1 : 0, Step::init_seal, 9);
}

pid_t CellGroups::newest() const {
  if (const pid_t last = last_number(last_pid_); last > 0) return last;
  const pid_t next = next_number();
  return next > 0 ? next - 1 : kMostPids;
}

bool CellGroups::tell(const CellNotice& notice) const {
  return sys::send_all(lifeline_, &kCellNotice, 1) &&
         sys::send_all(lifeline_, &notice, sizeof notice);
}

void CellGroups::reap() {
  siginfo_t ended = {};
  while (::waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid > 0) {
    const bool leads = ::getpgid(ended.si_pid) == ended.si_pid;
    int status = 0;
    rusage used = {};
    if (::wait4(ended.si_pid, &status, WNOHANG, &used) != ended.si_pid) return;
    if (leads && ended.si_pid >= kFirst) {
      tell({CellNotice::Kind::ended, ended.si_pid, status, 0, usage_of(used)});
    } else if (on_other_ != nullptr) {
      on_other_(context_, {ended.si_pid, status, usage_of(used)});
    }
    ended = {};
  }
}

bool CellGroups::is_gone(pid_t leader) {
  return ::kill(-leader, 0) == -1 && errno == ESRCH;
}

bool CellGroups::is_alone(pid_t leader) {
  bool alone = true;
  for_each_other(leader, newest(), [&](pid_t pid) { alone &= has_ended(pid); });
  return alone;
}

bool CellGroups::await(pid_t leader, bool (CellGroups::*is_done)(pid_t)) {
  for (int pauses = 0; pauses < kMostPauses; ++pauses) {
    reap();
    if ((this->*is_done)(leader)) return true;
    ::nanosleep(&kPause, nullptr);
  }
  return false;
}

bool CellGroups::settle(pid_t leader) {
  if (newest() == leader) return true;
  ::kill(-leader, SIGSTOP);  // nobody makes another one meanwhile
  for_each_other(leader, newest(), [](pid_t pid) { ::kill(pid, SIGKILL); });
  ::kill(leader, SIGCONT);
  return await(leader, &CellGroups::is_alone);
}

// Whether no number was given out after that of the leader, which exists.
bool CellGroups::is_newest(pid_t leader) const {
  return ::kill(leader, 0) == 0 && last_number(last_pid_) == leader;
}

bool CellGroups::kill(pid_t leader, bool& was_alone) {
  ::kill(-leader, SIGKILL);
  siginfo_t ended = {};
  for (int pauses = 0; pauses < kMostPauses; ++pauses) {
    const auto id = static_cast<id_t>(leader);
    const int found = ::waitid(P_PID, id, &ended, WEXITED | WNOHANG | WNOWAIT);
    if (ended.si_pid == leader) break;
    // Reaped before; or not the init's child yet, as the process that forked it is still ending.
    if (found == -1 && (pauses > kMostForeign || ::kill(leader, 0) == -1)) break;
    ::nanosleep(&kPause, nullptr);
  }
  was_alone = ended.si_pid == leader && is_newest(leader);
  return await(leader, &CellGroups::is_gone);
}

bool CellGroups::carry_out(const CellCommand& command, bool& was_alone) {
  if (command.order == CellOrder::settle) return command.pid >= kFirst - 1 && settle(command.pid);
  // The session's first process ends with its jail alone.
  if (command.pid < kFirst) return false;
  if (command.order == CellOrder::kill) return kill(command.pid, was_alone);
  const bool is_there = ::kill(-command.pid, SIGSTOP) == 0;
  was_alone = is_there && is_newest(command.pid);
  return is_there || errno == ESRCH;
}

void CellGroups::serve(OnOther on_other, void* context) {
  on_other_ = on_other;
  context_ = context;
  sigset_t none;
  ::sigemptyset(&none);
  pollfd source = {lifeline_, POLLIN, 0};
  for (;;) {
    reap();
    const int ready = ::ppoll(&source, 1, nullptr, &none);
    if (ready == -1 && errno != EINTR) break;
    CellCommand command;
    if (ready <= 0) continue;
    if (!sys::read_all(lifeline_, &command, sizeof command)) break;
    using Kind = CellNotice::Kind;
    bool was_alone = false;
    const bool is_done = carry_out(command, was_alone);
    if (!tell({is_done ? Kind::done : Kind::failed, command.pid, 0, was_alone ? 1u : 0u, {}}))
      break;
  }
}

void CellGroups::end() {
  ::signal(SIGCHLD, SIG_IGN);
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

}  // namespace pyexec::sandbox
