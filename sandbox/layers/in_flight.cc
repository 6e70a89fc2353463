// Runs in the zygote and in slot processes.
#include "sandbox/layers/in_flight.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <span>
#include <utility>

#include "sandbox/base/fd_message.h"
#include "sandbox/base/sys.h"
#include "sandbox/base/times.h"
#include "sandbox/layers/privileges.h"

namespace pyexec::sandbox {
namespace {

constexpr std::byte kNothing{};

bool make_pair(UniqueFd& one, UniqueFd& other) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1) return false;
  one.reset(pair[0]);
  other.reset(pair[1]);
  return true;
}

// The kernel sends no descriptor while more than RLIMIT_NOFILE of the same user are on their way:
// with a limit of 0, only the first. Returns an errno.
int send_the_only_one() {
  UniqueFd one, other;
  const rlimit none = {0, 0};
  if (!make_pair(one, other) || ::setrlimit(RLIMIT_NOFILE, &none) == -1) return errno;
  return send_message(one.get(), {&kNothing, 1}, std::array{one.get()}) ? 0 : errno;
}

}  // namespace

SetupError verify_none_in_flight(uid_t uid) {
  const int status = sys::run_in_light_child<48 << 10>([&] {
    if (become(uid, Step::verify).failed() || forbid_tracing().failed()) return EPERM;
    return send_the_only_one();
  });
  if (status == -1) return fail(Step::verify, errno, 40);
  if (!WIFEXITED(status)) return fail(Step::verify, ECHILD, 41);
  return WEXITSTATUS(status) == 0 ? ok() : fail(Step::verify, WEXITSTATUS(status), 42);
}

std::uint64_t ClosedFiles::await() {
  const bool is_under_way = begun_ > ended_;
  wanted_ = std::max(wanted_, begun_ + 2);
  if (!is_under_way) begin();
  return wanted_;
}

void ClosedFiles::begin() {
  ++begun_;
  began_ns_ = monotonic_ns();
  send_marker();
}

// Gives the kernel's collector a pipe's end to close, in a socket that nobody can reach: one that
// holds itself. The collector looks as its peer is closed, last. The files that it closes are a
// batch, of which the last one is closed first. If that fails, `hear` tries again.
void ClosedFiles::send_marker() {
  int ends[2];
  UniqueFd peer, holder;  // the holder is closed first
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == -1) return;
  UniqueFd read(ends[0]);
  const UniqueFd written(ends[1]);
  if (!make_pair(peer, holder)) return;
  const std::array fds = {written.get(), holder.get()};
  if (send_message(peer.get(), {&kNothing, 1}, fds)) source_ = std::move(read);
}

int ClosedFiles::ms_left() const {
  constexpr int kUsualMs = 20;
  return begun_ > ended_ ? kUsualMs : -1;
}

bool ClosedFiles::is_stuck() const {
  constexpr std::uint64_t kLongestNs = 1'000'000'000;
  return begun_ > ended_ && monotonic_ns() - began_ns_ > kLongestNs;
}

void ClosedFiles::hear() {
  if (begun_ == ended_) return;
  if (!source_) return send_marker();
  pollfd source = {source_.get(), POLLIN, 0};
  if (::poll(&source, 1, 0) == 1) {
    source_.reset();
    ended_ = begun_;
    if (ended_ < wanted_) begin();
    return;
  }
  // The collector looks whenever a socket is closed, but not while it is looking already.
  UniqueFd one, other;
  make_pair(one, other);
}

}  // namespace pyexec::sandbox
