// Runs as the jailer, but for `start_jailer`, which runs in the zygote.
#include "sandbox/jailer.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "sandbox/base/fd_message.h"
#include "sandbox/base/sys.h"
#include "sandbox/init.h"
#include "sandbox/namespaces.h"
#include "sandbox/root_image.h"

namespace pyexec::sandbox {
namespace {

// The jailer's only descriptors. Higher than anything it was born with.
constexpr int kSocket = 64;
constexpr int kProc = 65;

struct Jail {
  UniqueFd init_pidfd;
  UniqueFd leash;
};

// Exactly two descriptors stay open: the socket to the zygote (already in its place) and the host's
// /proc, which is out of reach by path once the root image is entered.
SetupError keep_descriptors() {
  UniqueFd proc(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  PYEXEC_TRY(check(::dup3(proc.get(), kProc, O_CLOEXEC), Step::descriptors, 0));
  proc.reset();
  PYEXEC_TRY(check(sys::close_range(0, kSocket - 1), Step::descriptors, 1));
  return check(sys::close_range(kProc + 1, ~0u), Step::descriptors, 2);
}

SetupError prepare() {
  PYEXEC_TRY(check(::prctl(PR_SET_NAME, "pyexec-jailer", 0, 0, 0), Step::control));
  PYEXEC_TRY(check(::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), Step::control));
  PYEXEC_TRY(keep_descriptors());
  // Jail inits are reaped by the kernel; who waits for one does so on its pidfd.
  PYEXEC_TRY(check(::signal(SIGCHLD, SIG_IGN) == SIG_ERR ? -1 : 0, Step::control));
  return enter_root_image();
}

SetupError build_jail(std::uint32_t worker_id, const Limits& limits, Jail& jail) {
  int leash[2];
  PYEXEC_TRY(check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, leash), Step::namespaces));
  jail.leash.reset(leash[0]);
  UniqueFd inner(leash[1]);

  int pidfd = -1;
  const pid_t pid = sys::clone_namespaces(kNamespaces, &pidfd);
  if (pid == -1) return fail(Step::namespaces, errno);
  if (pid == 0) {
    jail.leash.reset();
    run_init(inner.release(), limits);
  }
  jail.init_pidfd.reset(pidfd);
  inner.reset();

  PYEXEC_TRY(write_id_maps(kProc, pid, worker_id));
  const char maps_written = 1;
  SetupError result;
  if (!sys::send_all(jail.leash.get(), &maps_written, 1) ||
      !sys::read_all(jail.leash.get(), &result, sizeof result))
    return fail(Step::init_identity, EPIPE);
  return result;
}

[[noreturn]] void serve(const Limits& limits) {
  FdMessage message;
  while (receive_message(kSocket, message) == ReceiveResult::message) {
    JailRequest request;
    if (message.size != sizeof request) ::_exit(1);
    std::memcpy(&request, message.bytes.data(), sizeof request);

    Jail jail;
    const JailReply reply = {request.worker_id, build_jail(request.worker_id, limits, jail)};
    const std::array<int, 2> fds = {jail.init_pidfd.get(), jail.leash.get()};
    const std::span<const int> sent_fds(fds.data(), reply.error.failed() ? 0 : fds.size());
    if (!send_message(kSocket, std::as_bytes(std::span(&reply, 1)), sent_fds)) ::_exit(1);
  }
  ::_exit(0);
}

}  // namespace

SetupError start_jailer(const Limits& limits, UniqueFd& socket) {
  int pair[2];
  PYEXEC_TRY(check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), Step::control));
  UniqueFd outer(pair[0]);
  UniqueFd inner(pair[1]);

  const pid_t pid = ::fork();
  if (pid == -1) return fail(Step::control, errno);
  if (pid == 0) {
    if (::dup3(inner.get(), kSocket, O_CLOEXEC) == -1) ::_exit(1);
    inner.release();
    outer.release();
    const SetupError result = prepare();
    if (!sys::send_all(kSocket, &result, sizeof result) || result.failed()) ::_exit(1);
    serve(limits);
  }
  inner.reset();
  SetupError result;
  if (!sys::read_all(outer.get(), &result, sizeof result)) return fail(Step::control, EPIPE);
  if (!result.failed()) socket = std::move(outer);
  return result;
}

}  // namespace pyexec::sandbox
