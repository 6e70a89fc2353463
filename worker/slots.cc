// Runs in the zygote, but for `run_slot`.
#include "worker/slots.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cstring>

#include "sandbox/base/sys.h"
#include "sandbox/privileges.h"

namespace pyexec {
namespace {

using sandbox::SetupError;
using sandbox::Step;

struct SlotRequest {
  std::uint32_t worker_id;
  Readiness readiness;
  sandbox::JailTimes times;
};

// The last job's processes are all killed, but the kernel may still count one.
bool await_empty(const sandbox::Slot& slot) {
  constexpr timespec kPause = {0, 100'000};
  for (int pauses = 0; pauses < 20'000; ++pauses) {
    if (slot.is_empty()) return true;
    ::nanosleep(&kPause, nullptr);
  }
  return false;
}

SetupError serve_jail(int zygote, Forker& forker, const sandbox::Slot& slot) {
  FdMessage message;
  SlotRequest request;
  if (receive_message(zygote, message) != ReceiveResult::message || message.fd_count != 4 ||
      message.size != sizeof request)
    ::_exit(0);
  std::memcpy(&request, message.bytes.data(), sizeof request);
  sandbox::EmptyJail jail;
  jail.worker_id = request.worker_id;
  jail.times = request.times;
  jail.init_pidfd = std::move(message.fds[0]);
  jail.leash = std::move(message.fds[1]);
  jail.server_job = std::move(message.fds[2]);
  jail.worker_job = std::move(message.fds[3]);
  const SetupError error = await_empty(slot) ? forker.fork_worker(jail, request.readiness)
                                             : sandbox::fail(Step::cgroup, EBUSY, 8);
  if (error.failed() && !tell_server(SpawnFailed{jail.worker_id, error})) ::_exit(1);
  return error;
}

[[noreturn]] void run_slot(int zygote, Forker& forker, const sandbox::Plan& plan,
                           const sandbox::Limits& limits, const sandbox::SlotName& name) {
  ::prctl(PR_SET_NAME, "pyexec-slot", 0, 0, 0);
  sandbox::Slot slot;
  SetupError entered = sandbox::die_with_parent(Step::cgroup);
  if (!entered.failed()) entered = slot.enter(plan, limits, name);
  if (!sys::send_all(zygote, &entered, sizeof entered) || entered.failed()) ::_exit(1);
  forker.move_to(slot);
  const char is_free = 1;
  for (;;) {
    pollfd sources[] = {{zygote, POLLIN, 0}, {forker.children(), POLLIN, 0}};
    if (sys::retry([&] { return ::poll(sources, std::size(sources), -1); }) == -1) ::_exit(1);
    bool now_free = false;
    if (sources[1].revents != 0) {
      const std::size_t before = forker.alive();
      if (!forker.reap()) ::_exit(1);
      now_free = before > 0 && forker.alive() == 0;
    }
    if (sources[0].revents != 0) now_free = serve_jail(zygote, forker, slot).failed();
    if (now_free && !sys::send_all(zygote, &is_free, 1)) ::_exit(1);
  }
}

}  // namespace

SetupError Slots::add_slot(sandbox::EmptyJail& waiting) {
  int pair[2];
  PYEXEC_TRY(sandbox::check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair),
                            Step::cgroup, 9));
  UniqueFd ours(pair[0]), theirs(pair[1]);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ours.reset();
    waiting = {};  // or the ends of its sockets would not close as long as the slot lives
    const auto index = static_cast<std::uint32_t>(slots_.size());
    run_slot(theirs.get(), forker_, plan_, limits_, {generation_, index});
  }
  if (pid == -1) return sandbox::fail(Step::cgroup, errno, 10);
  theirs.reset();
  SetupError entered;
  if (!sys::read_all(ours.get(), &entered, sizeof entered))
    return sandbox::fail(Step::cgroup, EPIPE, 11);
  if (!entered.failed()) {
    free_.push_back(slots_.size());
    slots_.push_back(std::move(ours));
  }
  return entered;
}

SetupError Slots::fork_worker(sandbox::EmptyJail& jail, const Readiness& readiness) {
  if (free_.empty()) PYEXEC_TRY(add_slot(jail));
  const std::array<int, 4> fds = {jail.init_pidfd.get(), jail.leash.get(), jail.server_job.get(),
                                  jail.worker_job.get()};
  const SlotRequest request = {jail.worker_id, readiness, jail.times};
  if (!send_message(slots_[free_.front()].get(), std::as_bytes(std::span(&request, 1)), fds))
    return sandbox::fail(Step::cgroup, errno, 12);
  free_.pop_front();
  return sandbox::ok();
}

void Slots::add_sources(std::vector<pollfd>& sources) const {
  for (const UniqueFd& slot : slots_) sources.push_back({slot.get(), POLLIN, 0});
}

bool Slots::hear(std::span<const pollfd> sources) {
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (sources[i].revents == 0) continue;
    char is_free;
    if (!sys::read_all(slots_[i].get(), &is_free, 1)) return false;
    free_.push_back(i);
  }
  return true;
}

}  // namespace pyexec
