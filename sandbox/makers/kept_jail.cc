// Runs in the process that forks workers; `await_next_job` as pid 1 of a jail.
#include "sandbox/makers/kept_jail.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <span>
#include <utility>

#include "sandbox/base/fd_message.h"
#include "sandbox/base/times.h"
#include "sandbox/layers/in_flight.h"

namespace pyexec::sandbox {
namespace {

constexpr std::byte kNextJob{'n'};

// A jail is not used for ever, whatever is proven of it.
constexpr std::uint32_t kMostJobs = 1'000;
constexpr std::uint64_t kLongestMs = 600'000;

SetupError make_pair(UniqueFd& one, UniqueFd& other, std::uint32_t index) {
  int pair[2];
  PYEXEC_TRY(check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), Step::fork, index));
  one.reset(pair[0]);
  other.reset(pair[1]);
  return ok();
}

}  // namespace

void KeptJail::begin(EmptyJail& jail, const Plan& plan) {
  drop();
  has_namespaces_ = plan.namespaces();
  has_own_files_ = plan.files == Files::own;
  host_uid_ = plan.host_job_uid(jail.worker_id);
  init_pidfd_.reset(::fcntl(jail.init_pidfd.get(), F_DUPFD_CLOEXEC, 0));
  if (!jail.control || !init_pidfd_) return;
  control_ = std::move(jail.control);
  made_for_ = jail.worker_id;
  jobs_ = 0;
  since_ns_ = monotonic_ns();
}

SetupError KeptJail::renew(std::uint32_t worker_id, EmptyJail& out) {
  UniqueFd inner;
  out.worker_id = worker_id;
  out.made_for = made_for_;
  PYEXEC_TRY(make_pair(out.lifeline, inner, 20));
  PYEXEC_TRY(make_pair(out.server_job, out.worker_job, 21));
  const std::array fds = {inner.get(), out.server_job.get()};
  if (!send_message(control_.get(), std::span(&kNextJob, 1), fds))
    return fail(Step::fork, errno, 22);
  if (!has_namespaces_ && receive_verdict() != Verdict::untouched)
    return fail(Step::supervisor, EUSERS, 42);
  out.init_pidfd.reset(::fcntl(init_pidfd_.get(), F_DUPFD_CLOEXEC, 0));
  if (!out.init_pidfd) return fail(Step::fork, errno, 23);
  return ok();
}

Verdict KeptJail::receive_verdict() {
  FdMessage message;
  Verdict verdict = Verdict::lost;
  if (receive_message(control_.get(), message) == ReceiveResult::message &&
      message.size == sizeof verdict)
    std::memcpy(&verdict, message.bytes.data(), sizeof verdict);
  return verdict;
}

Verdict KeptJail::hear() {
  Verdict verdict = receive_verdict();
  ++jobs_;
  if (verdict == Verdict::untouched && is_old()) verdict = Verdict::age;
  if (verdict == Verdict::untouched && has_own_files_ && verify_none_in_flight(host_uid_).failed())
    verdict = Verdict::in_flight;
  if (verdict != Verdict::untouched) drop();
  return verdict;
}

int KeptJail::ms_left() const {
  if (!control_) return -1;
  const std::uint64_t age_ms = (monotonic_ns() - since_ns_) / 1'000'000;
  if (jobs_ >= kMostJobs || age_ms >= kLongestMs) return 0;
  return static_cast<int>(kLongestMs - age_ms);
}

bool await_next_job(int control, int lifeline, int job) {
  FdMessage message;
  if (receive_message(control, message) != ReceiveResult::message || message.fd_count != 2 ||
      message.size != 1 || message.bytes[0] != kNextJob)
    return false;
  // The lowest free numbers, in their order.
  const bool is_placed = message.fds[0].release() == lifeline;
  return is_placed && (job == -1 || message.fds[1].release() == job);
}

}  // namespace pyexec::sandbox
