// Runs as the jailer, except `start_jailer`, which runs in the zygote.
#include "sandbox/makers/jailer.h"

#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <span>

#include "sandbox/base/fd_message.h"
#include "sandbox/base/sys.h"
#include "sandbox/layers/namespaces.h"
#include "sandbox/layers/privileges.h"
#include "sandbox/layers/root_image.h"
#include "sandbox/makers/init.h"
#include "sandbox/makers/supervisor.h"

namespace pyexec::sandbox {
namespace {

// The jailer's only descriptors. Their numbers are higher than any it inherits.
constexpr int kSocket = 64;
constexpr int kProc = 65;
// The number that the last process got, in the pid namespace of whoever reads it.
constexpr int kLastPid = 66;

struct Jail {
  UniqueFd init_pidfd;
  UniqueFd lifeline;
  UniqueFd server_job, worker_job, control;
  JailTimes times = {};
};

// Closes all descriptors but three: the socket to the zygote (already in its place), the host's
// /proc, and the counter, which are out of reach by path once the root image is entered.
SetupError keep_descriptors() {
  UniqueFd proc(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  // Not every kernel has it, and an init does without.
  UniqueFd last_pid(::open("/proc/sys/kernel/ns_last_pid", O_RDONLY | O_CLOEXEC));
  PYEXEC_TRY(check(::dup3(proc.get(), kProc, O_CLOEXEC), Step::descriptors, 0));
  if (last_pid)
    PYEXEC_TRY(check(::dup3(last_pid.get(), kLastPid, O_CLOEXEC), Step::descriptors, 3));
  else
    ::close(kLastPid);
  proc.reset();
  last_pid.reset();
  PYEXEC_TRY(check(sys::close_range(0, kSocket - 1), Step::descriptors, 1));
  return check(sys::close_range(kLastPid + 1, ~0u), Step::descriptors, 2);
}

// A supervisor that failed to clean up, or was killed, has left a job behind that nobody watches.
// The jailer then exits, which ends the zygote and so every worker.
void on_supervisor_exit(int) {
  int status;
  while (::waitpid(-1, &status, WNOHANG) > 0)
    if (status != 0) ::_exit(1);
}

// Unmaps libpython, which never runs here and is four fifths of the memory that is copied to each
// init. The part that the dynamic linker reads stays: the linker searches each library for
// symbols that others have not resolved yet.
int unmap_python(dl_phdr_info* library, std::size_t, void*) {
  if (std::strstr(library->dlpi_name, "/libpython") == nullptr) return 0;
  const std::span segments(library->dlpi_phdr, library->dlpi_phnum);
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto up = [page](std::uintptr_t address) { return (address + page - 1) / page * page; };
  std::uintptr_t linked_end = 0;
  for (const auto& segment : segments)
    if (segment.p_type == PT_GNU_RELRO) linked_end = segment.p_vaddr + segment.p_memsz;
  for (const auto& segment : segments) {
    const std::uintptr_t begin = up(segment.p_flags & PF_W ? linked_end : segment.p_vaddr);
    const std::uintptr_t end = up(segment.p_vaddr + segment.p_memsz);
    if (segment.p_type == PT_LOAD && (segment.p_flags & (PF_W | PF_X)) && linked_end > 0)
      ::munmap(reinterpret_cast<void*>(library->dlpi_addr + begin), end - begin);
  }
  return 1;
}

SetupError prepare(const Plan& plan) {
  PYEXEC_TRY(check(::prctl(PR_SET_NAME, "pyexec-jailer", 0, 0, 0), Step::control));
  PYEXEC_TRY(die_with_parent(Step::control));
  PYEXEC_TRY(keep_descriptors());
  ::dl_iterate_phdr(unmap_python, nullptr);
  if (!plan.namespaces())
    return check(::signal(SIGCHLD, on_supervisor_exit) == SIG_ERR ? -1 : 0, Step::control);
  // The kernel reaps the inits; whoever waits for one uses its pidfd.
  PYEXEC_TRY(check(::signal(SIGCHLD, SIG_IGN) == SIG_ERR ? -1 : 0, Step::control));
  return enter_root_image(plan);
}

// The descriptors of the init or supervisor.
struct Inner {
  int lifeline, control;
};

SetupError start_init(const Plan& plan, const Limits& limits, std::uint32_t worker_id, Inner inner,
                      Jail& jail) {
  int job[2];
  PYEXEC_TRY(check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, job), Step::namespaces, 1));
  jail.server_job.reset(job[0]);
  jail.worker_job.reset(job[1]);
  if (plan.files == Files::own) PYEXEC_TRY(make_device_nodes());
  int pidfd = -1;
  const pid_t pid = sys::clone_namespaces(kNamespaces, &pidfd);
  if (pid == -1) return fail(Step::namespaces, errno);
  if (pid == 0) {
    jail.lifeline.reset();
    jail.control.reset();
    run_init({inner.lifeline, jail.server_job.get(), kLastPid, inner.control}, plan, limits);
  }
  jail.init_pidfd.reset(pidfd);
  PYEXEC_TRY(write_id_maps(plan, kProc, pidfd, worker_id));
  const char maps_written = 1;
  return sys::send_all(jail.lifeline.get(), &maps_written, 1) ? ok()
                                                              : fail(Step::init_identity, EPIPE);
}

SetupError start_supervisor(const Plan& plan, const Limits& limits, std::uint32_t worker_id,
                            Inner inner, Jail& jail) {
  // One that fails at once must not be reaped before its pidfd is open. (Docker's filter refuses
  // clone3, which would return it.)
  sigset_t ended, usual;
  ::sigemptyset(&ended);
  ::sigaddset(&ended, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &ended, &usual);
  const pid_t pid = ::fork();
  SetupError result = pid == -1 ? fail(Step::supervisor, errno) : ok();
  if (pid > 0) {
    jail.init_pidfd.reset(sys::pidfd_open(pid));
    if (!jail.init_pidfd) result = fail(Step::supervisor, errno);
  }
  ::sigprocmask(SIG_SETMASK, &usual, nullptr);
  if (pid == 0) {
    jail.lifeline.reset();
    jail.control.reset();
    run_supervisor(inner.lifeline, inner.control, plan, limits, worker_id);
  }
  return result;
}

SetupError build_jail(const Plan& plan, const Limits& limits, std::uint32_t worker_id, Jail& jail) {
  int lifeline[2];
  PYEXEC_TRY(
      check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, lifeline), Step::namespaces));
  jail.lifeline.reset(lifeline[0]);
  UniqueFd inner(lifeline[1]), inner_control;
  if (plan.reuse != Reuse::never) {
    int control[2];
    PYEXEC_TRY(check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control),
                     Step::namespaces, 2));
    jail.control.reset(control[0]);
    inner_control.reset(control[1]);
  }
  Lap lap;
  PYEXEC_TRY((plan.namespaces() ? start_init : start_supervisor)(
      plan, limits, worker_id, {inner.get(), inner_control.get()}, jail));
  jail.times.namespaces_ns = lap.ns();
  inner.reset();
  inner_control.reset();
  SetupError result;
  if (!sys::read_all(jail.lifeline.get(), &result, sizeof result))
    return fail(Step::init_identity, EPIPE);
  jail.times.mounts_ns = lap.ns();
  return result;
}

[[noreturn]] void serve(const Plan& plan, const Limits& limits) {
  FdMessage message;
  while (receive_message(kSocket, message) == ReceiveResult::message) {
    JailRequest request;
    if (message.size != sizeof request) ::_exit(1);
    std::memcpy(&request, message.bytes.data(), sizeof request);

    Jail jail;
    SetupError error = build_jail(plan, limits, request.worker_id, jail);
    if (plan.files == Files::own) {
      const SetupError unlinked = unlink_device_nodes();
      if (!error.failed()) error = unlinked;
    }
    const JailReply reply = {request.worker_id, jail.times, error};
    std::array<int, 5> fds;
    std::size_t sent = 0;
    for (const UniqueFd* fd :
         {&jail.init_pidfd, &jail.lifeline, &jail.server_job, &jail.worker_job, &jail.control})
      if (*fd && !error.failed()) fds[sent++] = fd->get();
    const std::span<const int> sent_fds(fds.data(), sent);
    if (!send_message(kSocket, std::as_bytes(std::span(&reply, 1)), sent_fds)) ::_exit(1);
  }
  ::_exit(0);
}

}  // namespace

SetupError start_jailer(const Plan& plan, const Limits& limits, UniqueFd& socket) {
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
    const SetupError result = prepare(plan);
    if (!sys::send_all(kSocket, &result, sizeof result) || result.failed()) ::_exit(1);
    serve(plan, limits);
  }
  inner.reset();
  SetupError result;
  if (!sys::read_all(outer.get(), &result, sizeof result)) return fail(Step::control, EPIPE);
  if (!result.failed()) socket = std::move(outer);
  return result;
}

}  // namespace pyexec::sandbox
