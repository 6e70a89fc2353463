// Runs in the worker, which is jailed from `enter_jail` on.
#include "worker/job/worker_main.h"

#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "sandbox/base/fd_message.h"
#include "sandbox/base/sys.h"
#include "sandbox/base/times.h"
#include "sandbox/layers/scratch_view.h"
#include "sandbox/makers/supervisor.h"
#include "worker/job/fork_state.h"
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

// What comes next on the job socket: the head of a frame, and the descriptors of a FORK.
struct Order {
  FrameHeader head;
  ForkFds fds;
};

std::string read_body(const FrameHeader& head) {
  std::string body(head.body_bytes, '\0');
  if (!sys::read_all(sandbox::kJobFd, body.data(), body.size())) ::_exit(kExitBadFrame);
  return body;
}

// The server sends only what it should, so any error here is a defect of ours.
Order await_order() {
  std::array<std::byte, kFrameHeaderBytes> bytes;
  MessageFds message;
  const ReceiveResult received = receive_bytes(sandbox::kJobFd, bytes, message);
  // End of file is the normal end of a worker that was never needed, and of a session's.
  if (received == ReceiveResult::closed) ::_exit(0);
  const auto header = decode_header(bytes);
  if (received == ReceiveResult::message && header && header->type == FrameType::answer) {
    read_body(*header);  // to a call of a cell that has ended meanwhile
    return await_order();
  }
  const bool is_fork = header && header->type == FrameType::fork;
  if (received != ReceiveResult::message || !header ||
      message.fd_count != (is_fork ? kForkFds : 0) || (!is_fork && header->type != FrameType::job))
    ::_exit(kExitBadFrame);
  Order order = {*header, {}};
  for (std::size_t i = 0; i < message.fd_count; ++i) order.fds[i] = std::move(message.fds[i]);
  return order;
}

Job read_job(const FrameHeader& head) {
  auto job = decode_job(read_body(head));
  if (!job) ::_exit(kExitBadFrame);
  return *std::move(job);
}

// A session's first cell bounds all others, and each of those only itself.
void lower_memory(const WorkerStart& start, const Job& job) {
  const std::uint64_t wanted = job.memory_bytes;
  const bool is_later_cell = job.options.session_cell > 1;
  const bool is_less = wanted != 0 && wanted < start.memory_bytes;
  if (!is_less && !is_later_cell) return;
  const std::uint64_t less = is_less ? start.memory_bytes - wanted : 0;
  const std::uint64_t bytes = start.jail.limits.address_space_bytes - less;
  const sandbox::SetupError error =
      is_later_cell ? sandbox::bound_address_space(bytes) : sandbox::lower_address_space(bytes);
  if (error.failed()) ::_exit(kExitBadFrame);
}

struct Done {
  std::string report;
  bool is_of_session;
  bool is_template_setup = false;  // and has succeeded
};

Done read_and_run(const Interpreter& interpreter, const WorkerStart& start,
                  const FrameHeader& head) {
  bool is_of_session = false;
  try {
    const Job job = read_job(head);
    is_of_session = job.options.session_cell > 0;
    lower_memory(start, job);
    const std::uint64_t before = is_of_session ? own_usage().peak_rss_bytes : 0;
    const std::uint64_t began_ns = sandbox::monotonic_ns();
    Report report = interpreter.run(job, start.caps);
    report.times = {began_ns, sandbox::monotonic_ns()};
    if (is_of_session)
      report.times.grown_bytes = sandbox::added(before, own_usage().peak_rss_bytes);
    const bool is_template_setup =
        job.options.template_part == TemplatePart::setup && report.kind == ReportKind::value;
    return {encode_report(report), is_of_session, is_template_setup};
  } catch (const std::bad_alloc&) {  // the job's input or output is larger than its memory
    return {encode_report({ReportKind::memory_limit, "memory limit exceeded"}), is_of_session};
  }
}

// What a template's state is forked for: jobs that find the files as the set-up has left them. Here
// that is made sure of, in the process that no job can reach.
class UnchangedFiles {
 public:
  void note() {
    before_ = sandbox::ScratchView::look();
    if (before_ && !before_->settle()) before_.reset();
  }
  // Whether the next job would find them so. If they are too many to tell, only the first does.
  bool are_there() {
    if (std::exchange(is_first_, false)) return true;
    const auto now = before_ ? sandbox::ScratchView::look() : std::nullopt;
    return now && *now == *before_;
  }

 private:
  std::optional<sandbox::ScratchView> before_;
  bool is_first_ = true;
};

// Serves until its job is done or, in a session, until the server closes the job socket. Another
// process of the session leaves `fork_state` into this loop.
void serve(const Interpreter& interpreter, const WorkerStart& start) {
  std::optional<UnchangedFiles> of_template;  // whose state this process is
  for (;;) {
    Order order = await_order();
    if (order.head.type == FrameType::fork) {
      if (of_template && !of_template->are_there())
        refuse_fork(sandbox::fail(sandbox::Step::verify, 0, kTouchedFiles), order.fds);
      else
        fork_state(interpreter, of_template ? ForkFor::template_job : ForkFor::cell,
                   std::move(order.fds));
      continue;
    }
    of_template.reset();
    unpark();
    const Done done = read_and_run(interpreter, start, order.head);
    if (done.is_of_session) park();
    if (done.is_template_setup) {
      ::malloc_trim(0);  // each fork copies the tables of what is there
      of_template.emplace().note();
    }
    if (!sys::send_all(sandbox::kJobFd, done.report.data(), done.report.size()))
      ::_exit(kExitChannelLost);
    if (!done.is_of_session) return;
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

  serve(interpreter, start);
  ::shutdown(sandbox::kJobFd, SHUT_WR);  // which tells its init that the job has ended
  // Waits to be killed, at the lowest priority: an exit takes the kernel a millisecond, and the
  // answer comes first (sandbox/makers/init.cc).
  ::setpriority(PRIO_PROCESS, 0, 19);
  char ignored;
  sys::read_all(sandbox::kJobFd, &ignored, 1);
  ::_exit(0);
}

}  // namespace pyexec
