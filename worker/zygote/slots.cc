// Runs in the zygote, except `run_slot`.
#include "worker/zygote/slots.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "sandbox/base/sys.h"
#include "sandbox/layers/privileges.h"
#include "sandbox/makers/kept_jail.h"

namespace pyexec {
namespace {

using sandbox::SetupError;
using sandbox::Step;

// The bytes that a slot process sends to the zygote.
constexpr char kTold = 't';  // the server has been told of the worker
constexpr char kFree = 'f';
constexpr char kFreeWithJail = 'j';  // which the next job can have
constexpr char kJailGone = 'g';      // of a free slot
constexpr char kNoJail = 'n';        // for the worker that was asked for; the slot is free

constexpr std::uint64_t kMostKeptBytes = 64 << 20;  // of a free slot, with a jail

bool say(int zygote, char word) {
  return sys::send_all(zygote, &word, 1);
}

// A new jail, if descriptors came along.
SetupError take_jail(const SlotRequest& request, FdMessage& message, const sandbox::Plan& plan,
                     sandbox::KeptJail& kept, sandbox::EmptyJail& jail) {
  if (message.fd_count == 0) return kept.renew(request.worker_id, jail);
  jail.worker_id = jail.made_for = request.worker_id;
  jail.times = request.times;
  jail.init_pidfd = std::move(message.fds[0]);
  jail.lifeline = std::move(message.fds[1]);
  jail.server_job = std::move(message.fds[2]);
  jail.worker_job = std::move(message.fds[3]);
  jail.control = std::move(message.fds[4]);
  // One that is still there has a uid too far from this worker's, or its files are never closed.
  if (kept.control() != -1 && !tell_server(JailLost{request.worker_id, sandbox::Verdict::age}))
    ::_exit(1);
  kept.begin(jail, plan);
  return sandbox::ok();
}

// What came of a request.
enum class Served { worker, failure, no_jail };

Served serve_jail(int zygote, Forker& forker, sandbox::KeptJail& kept) {
  FdMessage message;
  SlotRequest request;
  if (receive_message(zygote, message) != ReceiveResult::message ||
      (message.fd_count != 0 && message.fd_count < 4) || message.size != sizeof request)
    ::_exit(0);
  std::memcpy(&request, message.bytes.data(), sizeof request);
  sandbox::EmptyJail jail;
  SetupError error = take_jail(request, message, forker.plan(), kept, jail);
  if (error.failed() && message.fd_count == 0) return Served::no_jail;
  if (!error.failed()) error = forker.fork_worker(jail, request.readiness);
  const bool loses_jail = error.failed() && kept.control() != -1;
  if (loses_jail) kept.drop();
  if (loses_jail && !tell_server(JailLost{request.worker_id, sandbox::Verdict::lost})) ::_exit(1);
  if (error.failed() && !tell_server(SpawnFailed{request.worker_id, error})) ::_exit(1);
  if (!error.failed() && !say(zygote, kTold)) ::_exit(1);
  return error.failed() ? Served::failure : Served::worker;
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

// Serves one job after another.
class SlotLoop {
 public:
  SlotLoop(int zygote, Forker& forker, const sandbox::Slot& slot)
      : zygote_(zygote), forker_(forker), slot_(slot) {}

  [[noreturn]] void run() {
    for (;;) {
      pollfd sources[] = {
          {zygote_, POLLIN, 0}, {forker_.children(), POLLIN, 0}, {kept_.control(), POLLIN, 0}};
      const int wait_ms = !is_judged_ ? -1 : is_free_ ? kept_.ms_left() : remains_.wait_ms();
      if (sys::retry([&] { return ::poll(sources, std::size(sources), wait_ms); }) == -1)
        ::_exit(1);
      if (sources[1].revents != 0) reap();
      if (sources[2].revents != 0) hear_verdict();
      if (sources[0].revents != 0) serve();
      if (is_free_ && kept_.is_old()) lose_jail(sandbox::Verdict::age);
      if (is_judged_ && remains_.are_gone(slot_)) become_free();
    }
  }

 private:
  void serve() {
    const Served served = serve_jail(zygote_, forker_, kept_);
    if (served == Served::no_jail) {
      if (kept_.control() != -1) drop_jail(sandbox::Verdict::lost);
      if (!say(zygote_, kNoJail)) ::_exit(1);
      return;
    }
    is_free_ = false;
    if (served == Served::failure) remains_.begin();
    is_judged_ = kept_.control() == -1;
  }
  void become_free() {
    is_free_ = true;
    // The kernel's own memory for a jail (names that were looked up, say) goes with the jail.
    if (kept_.control() != -1 && slot_.has_kernel_memory_beyond(kMostKeptBytes))
      drop_jail(sandbox::Verdict::memory);
    if (!say(zygote_, kept_.control() == -1 ? kFree : kFreeWithJail)) ::_exit(1);
  }
  void drop_jail(sandbox::Verdict why) {
    kept_.drop();
    if (!tell_server(JailLost{forker_.last(), why})) ::_exit(1);
  }
  // While the slot is free.
  void lose_jail(sandbox::Verdict why) {
    drop_jail(why);
    if (!say(zygote_, kJailGone)) ::_exit(1);
  }
  void reap() {
    const std::size_t before = forker_.alive();
    if (!forker_.reap()) ::_exit(1);
    if (before > 0 && forker_.alive() == 0) remains_.begin();
  }
  void hear_verdict() {
    if (is_free_) return lose_jail(sandbox::Verdict::lost);  // it has nothing else to say
    const sandbox::Verdict verdict = kept_.hear();
    if (verdict != sandbox::Verdict::untouched) drop_jail(verdict);
    is_judged_ = true;
  }

  const int zygote_;
  Forker& forker_;
  const sandbox::Slot& slot_;
  sandbox::KeptJail kept_;
  Remains remains_;
  bool is_judged_ = true;  // whether the init has said what becomes of the jail
  bool is_free_ = true;    // and the zygote knows it
};

[[noreturn]] void run_slot(int zygote, Forker& forker, const sandbox::Plan& plan,
                           const sandbox::Limits& limits, const sandbox::SlotName& name) {
  ::prctl(PR_SET_NAME, "pyexec-slot", 0, 0, 0);
  sandbox::Slot slot;
  SetupError entered = sandbox::die_with_parent(Step::cgroup);
  if (!entered.failed()) entered = slot.enter(plan, limits, name);
  if (!sys::send_all(zygote, &entered, sizeof entered) || entered.failed()) ::_exit(1);
  forker.move_to(slot);
  SlotLoop(zygote, forker, slot).run();
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

bool Slots::keeps_jail_for(const SlotProcess& slot, std::uint32_t worker_id) const {
  return slot.kept_for && sandbox::suits(*slot.kept_for, worker_id, plan_);
}

SetupError Slots::fork_worker(sandbox::EmptyJail& jail, const Readiness& readiness) {
  // A jail that is kept stays for the next job: all were in use when this one was requested.
  const auto find = [&] {
    return std::find_if(free_.begin(), free_.end(), [&](std::size_t i) {
      return !keeps_jail_for(slots_[i], jail.worker_id) || closed_files_.is_stuck();
    });
  };
  auto chosen = find();
  if (chosen == free_.end()) {
    PYEXEC_TRY(add_slot(jail));
    chosen = find();
  }
  const std::array fds = {jail.init_pidfd.get(), jail.lifeline.get(), jail.server_job.get(),
                          jail.worker_job.get(), jail.control.get()};
  const std::span sent(fds.data(), jail.control ? 5 : 4);
  return hand_over(chosen, {jail.worker_id, readiness, jail.times}, sent);
}

bool Slots::fork_in_kept_jail(std::uint32_t worker_id, const Readiness& readiness,
                              SetupError& error) {
  const auto chosen = std::find_if(free_.begin(), free_.end(), [&](std::size_t i) {
    return keeps_jail_for(slots_[i], worker_id) && closed_files_.have_reached(slots_[i].clean_at);
  });
  if (chosen == free_.end()) return false;
  error = hand_over(chosen, {worker_id, readiness, {}}, {});
  return true;
}

SetupError Slots::hand_over(std::deque<std::size_t>::iterator chosen, const SlotRequest& request,
                            std::span<const int> fds) {
  SlotProcess& slot = slots_[*chosen];
  free_.erase(chosen);
  if (!fds.empty()) slot.made_for = request.worker_id;
  slot.kept_for.reset();
  if (!send_message(slot.socket.get(), std::as_bytes(std::span(&request, 1)), fds))
    return sandbox::fail(Step::cgroup, errno, 12);  // `hear` notices that the slot has ended
  slot.worker_id = request.worker_id;
  slot.readiness = request.readiness;
  slot.is_told = false;
  return sandbox::ok();
}

GroupState Slots::look_at(std::uint32_t worker_id) const {
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].worker_id != worker_id) continue;
    const sandbox::SlotState state = sandbox::look_at(plan_, {generation_, i});
    return {worker_id, 0, state.memory_bytes, state.memory_kills};
  }
  return {worker_id, 0, 0, 0};
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
    } else if (word == kJailGone) {
      slot.kept_for.reset();
    } else {
      if (word == kNoJail) jailless_[slot.worker_id] = slot.readiness;
      slot.worker_id = kNoWorker;
      if (word == kFreeWithJail) slot.kept_for = slot.made_for;
      if (word == kFreeWithJail && plan_.files == sandbox::Files::own)
        slot.clean_at = closed_files_.await();
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
