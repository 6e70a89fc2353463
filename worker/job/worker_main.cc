// Runs in the worker, which is jailed from `enter_jail` on.
#include "worker/job/worker_main.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <new>
#include <string>

#include "sandbox/base/sys.h"
#include "sandbox/base/times.h"
#include "sandbox/makers/supervisor.h"
#include "worker/protocol/frame.h"

namespace pyexec {
namespace {

bool send_frame(int socket, const std::string& frame) {
  return sys::send_all(socket, frame.data(), frame.size());
}

sandbox::Usage own_usage() {
  rusage used = {};
  ::getrusage(RUSAGE_SELF, &used);
  return sandbox::usage_of(used);
}

[[noreturn]] void give_up(int socket, const sandbox::SetupError& error) {
  // The kernel counts one more process, so that the jail, which may be at fault, is not kept.
  sys::run_in_light_child<16 << 10>([] { return 0; });
  send_frame(socket, encode_setup_failed(error));
  ::_exit(1);
}

// Reads the job. The server has checked it and its size, so any error here is a defect of ours.
Job read_job() {
  std::array<std::byte, kFrameHeaderBytes> bytes;
  // End of file is the normal end of a worker that was never needed.
  if (!sys::read_all(sandbox::kJobFd, bytes.data(), bytes.size())) ::_exit(0);
  const auto header = decode_header(bytes);
  if (!header || header->type != FrameType::job) ::_exit(kExitBadFrame);
  std::string body(header->body_bytes, '\0');
  if (!sys::read_all(sandbox::kJobFd, body.data(), body.size())) ::_exit(kExitBadFrame);
  auto job = decode_job(body);
  if (!job) ::_exit(kExitBadFrame);
  return *std::move(job);
}

void lower_memory(const WorkerStart& start, std::uint64_t wanted) {
  if (wanted == 0 || wanted >= start.memory_bytes) return;
  const std::uint64_t less = start.memory_bytes - wanted;
  if (sandbox::lower_address_space(start.jail.limits.address_space_bytes - less).failed())
    ::_exit(kExitBadFrame);
}

std::string read_and_run(const Interpreter& interpreter, const WorkerStart& start) {
  try {
    const Job job = read_job();
    lower_memory(start, job.memory_bytes);
    const std::uint64_t began_ns = sandbox::monotonic_ns();
    Report report = interpreter.run(job, start.caps);
    report.times = {began_ns, sandbox::monotonic_ns()};
    return encode_report(report);
  } catch (const std::bad_alloc&) {  // the job's input or output is larger than its memory
    return encode_report({ReportKind::memory_limit, "memory limit exceeded"});
  }
}

sandbox::ScratchPath temporary_directory(const sandbox::JailEntry& jail) {
  if (jail.plan.root == sandbox::Root::image) return {"/tmp"};
  return sandbox::scratch_of(jail.plan, jail.worker_id);
}

}  // namespace

void worker_main(const Interpreter& interpreter, const WorkerStart& start) {
  ::prctl(PR_SET_NAME, "pyexec-worker", 0, 0, 0);
  sandbox::Lap lap;
  StartTimes times = {};
  start.working_set.populate();
  times.populate_ns = lap.ns();
  if (start.forked.failed()) give_up(start.jail.job_fd, start.forked);
  const auto error = sandbox::enter_jail(start.jail);
  // The job socket keeps its old number until the descriptors are placed.
  if (error.failed()) {
    const bool placed = error.step > sandbox::Step::descriptors;
    give_up(placed ? sandbox::kJobFd : start.jail.job_fd, error);
  }
  times.enter_ns = lap.ns();
  interpreter.start_life(temporary_directory(start.jail).text);
  if (!interpreter.warm_up(start.warm_up))
    give_up(sandbox::kJobFd, sandbox::fail(sandbox::Step::warm_up, 0));
  times.warm_up_ns = lap.ns();
  times.usage = own_usage();
  if (!send_frame(sandbox::kJobFd, encode_ready(times))) ::_exit(0);

  const std::string report = read_and_run(interpreter, start);
  const bool sent = send_frame(sandbox::kJobFd, report);
  if (!sent) ::_exit(kExitChannelLost);
  ::shutdown(sandbox::kJobFd, SHUT_WR);  // which tells its init that the job has ended
  // Waits to be killed, at the lowest priority: an exit takes the kernel a millisecond, and the
  // answer comes first (sandbox/makers/init.cc).
  ::setpriority(PRIO_PROCESS, 0, 19);
  char ignored;
  sys::read_all(sandbox::kJobFd, &ignored, 1);
  ::_exit(0);
}

}  // namespace pyexec
