// Runs in the zygote, except `run_slot`.
#include "worker/zygote/slots.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "sandbox/base/sys.h"
#include "sandbox/layers/privileges.h"

namespace pyexec {
namespace {

using sandbox::SetupError;
using sandbox::Step;

struct SlotRequest {
  std::uint32_t worker_id;
  Readiness readiness;
  sandbox::JailTimes times;
};

// The bytes that a slot process sends to the zygote.
constexpr char kTold = 't';  // the server has been told of the worker
constexpr char kFree = 'f';

bool say(int zygote, char word) {
  return sys::send_all(zygote, &word, 1);
}

// Returns true if there is a worker now.
bool serve_jail(int zygote, Forker& forker) {
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
  jail.lifeline = std::move(message.fds[1]);
  jail.server_job = std::move(message.fds[2]);
  jail.worker_job = std::move(message.fds[3]);
  const SetupError error = forker.fork_worker(jail, request.readiness);
  if (error.failed() && !tell_server(SpawnFailed{jail.worker_id, error})) ::_exit(1);
  if (!error.failed() && !say(zygote, kTold)) ::_exit(1);
  return !error.failed();
}

// Checks whether the rest of a job is gone, counted since its worker was reaped. The first check
// is immediate; longer waits are mostly for a tmpfs that is being torn down.
class Remains {
 public:
  // Returns how long to wait for other events before `are_gone` is called, or -1 if nothing is
  // left.
  int wait_ms() const { return looks_ == 0 ? -1 : looks_ == 1 ? 0 : 1; }
  void begin() { looks_ = 1; }
  // Exits if the slot's memory does not become free: the slot is then of no more use.
  bool are_gone(const sandbox::Slot& slot) {
    constexpr int kMostLooks = 30'000;
    if (looks_ == 0) return false;
    if (slot.is_empty()) {
      looks_ = 0;
      return true;
    }
    if (++looks_ > kMostLooks) ::_exit(1);
    return false;
  }

 private:
  int looks_ = 0;
};

[[noreturn]] void run_slot(int zygote, Forker& forker, const sandbox::Plan& plan,
                           const sandbox::Limits& limits, const sandbox::SlotName& name) {
  ::prctl(PR_SET_NAME, "pyexec-slot", 0, 0, 0);
  sandbox::Slot slot;
  SetupError entered = sandbox::die_with_parent(Step::cgroup);
  if (!entered.failed()) entered = slot.enter(plan, limits, name);
  if (!sys::send_all(zygote, &entered, sizeof entered) || entered.failed()) ::_exit(1);
  forker.move_to(slot);
  Remains remains;
  for (;;) {
    pollfd sources[] = {{zygote, POLLIN, 0}, {forker.children(), POLLIN, 0}};
    const int wait_ms = remains.wait_ms();
    if (sys::retry([&] { return ::poll(sources, std::size(sources), wait_ms); }) == -1) ::_exit(1);
    if (sources[1].revents != 0) {
      const std::size_t before = forker.alive();
      if (!forker.reap()) ::_exit(1);
      if (before > 0 && forker.alive() == 0) remains.begin();
    }
    if (sources[0].revents != 0 && !serve_jail(zygote, forker)) remains.begin();
    if (remains.are_gone(slot) && !say(zygote, kFree)) ::_exit(1);
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
    waiting = {};  // or the slot would keep its socket ends open
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
    slots_.push_back({std::move(ours)});
  }
  return entered;
}

SetupError Slots::fork_worker(sandbox::EmptyJail& jail, const Readiness& readiness) {
  if (free_.empty()) PYEXEC_TRY(add_slot(jail));
  const std::array<int, 4> fds = {jail.init_pidfd.get(), jail.lifeline.get(), jail.server_job.get(),
                                  jail.worker_job.get()};
  const SlotRequest request = {jail.worker_id, readiness, jail.times};
  SlotProcess& slot = slots_[free_.front()];
  free_.pop_front();
  if (!send_message(slot.socket.get(), std::as_bytes(std::span(&request, 1)), fds))
    return sandbox::fail(Step::cgroup, errno, 12);  // `hear` notices that the slot has ended
  slot.worker_id = jail.worker_id;
  slot.is_told = false;
  return sandbox::ok();
}

void Slots::add_sources(std::vector<pollfd>& sources) const {
  for (const SlotProcess& slot : slots_) sources.push_back({slot.socket.get(), POLLIN, 0});
}

bool Slots::hear(std::span<const pollfd> sources) {
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (sources[i].revents == 0) continue;
    SlotProcess& slot = slots_[i];
    char word = 0;
    if (!sys::read_all(slot.socket.get(), &word, 1)) {
      if (!lose(i)) return false;
    } else if (word == kTold) {
      slot.is_told = true;
    } else {
      slot.worker_id = kNoWorker;
      free_.push_back(i);
    }
  }
  return true;
}

// The slot's worker dies with it (sandbox/jail.cc), and nobody else would report that.
bool Slots::lose(std::size_t index) {
  const SlotProcess slot = std::move(slots_[index]);
  slots_[index] = {};
  std::erase(free_, index);
  if (slot.worker_id == kNoWorker) return true;
  constexpr std::uint32_t kOutOfMemory = 1;  // nothing else ends a slot process
  if (slot.is_told) return tell_server(WorkerExited{slot.worker_id, SIGKILL, kOutOfMemory, 0, {}});
  return tell_server(SpawnFailed{slot.worker_id, sandbox::fail(Step::cgroup, ENOMEM, 15)});
}

}  // namespace pyexec
