#include "server/workers/session_jail.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>

#include "sandbox/base/lifeline.h"
#include "server/job/validate_report.h"
#include "server/workers/account.h"
#include "server/workers/ending.h"

namespace pyexec {
namespace {

using sandbox::CellNotice;
using sandbox::CellOrder;

constexpr std::chrono::seconds kLastWords{1};

}  // namespace

SessionJail::SessionJail(std::shared_ptr<WorkerHandle> first, Forks forks,
                         LookAtGroup look_at_group)
    : first_(std::move(first)),
      executor_(first_->job_socket().get_executor()),
      forks_(forks),
      look_at_group_(std::move(look_at_group)),
      share_(first_),
      empty_(executor_) {}

void SessionJail::begin() {
  constexpr pid_t kFirstPid = 2;
  first_->job_socket().native_non_blocking(true);
  states_[0] = {std::shared_ptr<JobSocket>(first_, &first_->job_socket()), kFirstPid};
  first_->on_gone = [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || !self->first_) return;
    self->first_death_ = self->first_->wait_status();
    self->was_out_of_memory_ = self->first_->out_of_memory();
    self->end("its first process has ended");
  };
  net::co_spawn(
      executor_, [self = shared_from_this()] { return self->hear(); }, net::detached);
}

// Reads the lifeline until the jail is empty.
awaitable<void> SessionJail::hear() {
  const auto self = shared_from_this();
  auto& lifeline = first_->lifeline();
  for (;;) {
    char word = 0;
    const auto [error, size] = co_await net::async_read(lifeline, net::buffer(&word, 1), kAsTuple);
    if (error || word == sandbox::kJailEmpty) break;
    if (word != sandbox::kCellNotice) continue;
    CellNotice notice = {};
    const auto [notice_error, notice_size] =
        co_await net::async_read(lifeline, net::buffer(&notice, sizeof notice), kAsTuple);
    if (notice_error) break;
    take(notice);
  }
  end("its jail has ended");
  co_await first_->await_empty();
  first_->on_gone = nullptr;
  states_.clear();
  spare_.reset();
  first_.reset();
  empty_.set();
}

void SessionJail::take_end(const CellNotice& notice) {
  constexpr std::size_t kMostEarly = 64;
  const auto running = running_.find(notice.pid);
  if (const auto cell = running == running_.end() ? nullptr : running->second.lock()) {
    cell->death = notice;
    return cell->ended.set();
  }
  if (notice.pid == stopped_) has_stopped_ended_ = true;
  if (spare_ && spare_->pid == notice.pid) return end("a process of it has ended");
  for (const auto& [state, process] : states_) {
    if (process.pid != notice.pid) continue;
    const State lost = state;
    states_.erase(lost);
    if (on_state_lost) on_state_lost(lost);
    return;
  }
  // It may have ended before its own first word was read.
  if (!cells_.empty() && early_.size() < kMostEarly) early_[notice.pid] = notice;
}

void SessionJail::add_running(const std::shared_ptr<CellProcess>& cell) {
  running_[cell->pid] = cell;
  const auto early = early_.extract(cell->pid);
  if (early.empty()) return;
  cell->death = early.mapped();
  cell->ended.set();
}

void SessionJail::take(const CellNotice& notice) {
  if (notice.kind == CellNotice::Kind::ended) return take_end(notice);
  const auto order = orders_.extract(notice.pid);
  if (order.empty()) return;
  order.mapped()->is_carried_out = notice.kind == CellNotice::Kind::done;
  order.mapped()->was_alone = notice.was_alone == 1;
  order.mapped()->done.set();
}

// Not done: that is not possible, and the jail ends.
awaitable<SessionJail::Carried> SessionJail::order(CellOrder what, pid_t pid) {
  const sandbox::CellCommand command = {what, pid};
  const auto self = shared_from_this();
  const auto waiting = std::make_shared<Order>(executor_);
  if (ended_) co_return Carried{};
  const JailShare::Use share(share_);
  orders_[pid] = waiting;
  const ssize_t sent = ::send(first_->lifeline().native_handle(), &command, sizeof command,
                              MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent == sizeof command)
    co_await waiting->done.wait_until(Clock::now() + WorkerHandle::kKillTime);
  if (!waiting->is_carried_out) end("a cell could not be ended");
  co_return Carried{waiting->is_carried_out, waiting->was_alone};
}

void SessionJail::drop(State state) {
  const auto entry = states_.extract(state);
  if (state == 0 || entry.empty()) return;
  const auto kill = [self = shared_from_this(), pid = entry.mapped().pid]() -> awaitable<void> {
    co_await self->order(CellOrder::kill, pid);
  };
  net::co_spawn(executor_, kill, net::detached);
}

void SessionJail::end(const std::string& why) {
  if (ended_) return;
  ended_ = why;
  error_code ignored;
  share_.end();
  first_->lifeline().shutdown(JobSocket::shutdown_send, ignored);
  for (const auto& [pid, waiting] : orders_) waiting->done.set();
  for (const auto& [address, weak] : cells_)
    if (const auto cell = weak.lock()) cell->ended.set(), cell->begun.set();
  if (const auto call = std::exchange(on_end, nullptr)) call();
}

awaitable<std::optional<std::uint64_t>> SessionJail::memory_bytes() {
  const auto group = co_await look_at_group_();
  if (!group) co_return std::nullopt;
  memory_kills_ = std::max(memory_kills_, group->memory_kills);
  co_return group->memory_bytes;
}

// Ends the cell, or what it has started. Returns false if the jail had to end.
awaitable<bool> SessionJail::finish(const Cell& cell, const std::shared_ptr<CellProcess>& process,
                                    Verdict verdict) {
  const bool is_first = runs_in_first(cell);
  bool is_done = true;
  if (is_first && verdict != Verdict::kept) {
    end(cell.number == 0 ? "its set-up failed" : "a cell of it had to be ended");
    is_done = false;
  } else if (is_first) {
    is_done = forks_ == Forks::no;
    if (!is_done) is_done = (co_await order(CellOrder::settle, states_.at(0).pid)).is_done;
  } else if (process->pid > 0) {
    Carried carried;
    const bool had_ended = process->death.has_value();  // its number can be another's now
    if (verdict == Verdict::kept) {
      carried = co_await order(CellOrder::settle, process->pid);
    } else if (verdict == Verdict::stopped) {
      carried = co_await order(CellOrder::stop, process->pid);
      if (carried.was_alone && !had_ended) stopped_ = process->pid;
    }
    if (verdict != Verdict::kept && stopped_ != process->pid)
      carried = co_await order(CellOrder::kill, process->pid);
    is_done = carried.is_done;
    process->was_alone = carried.was_alone && !had_ended;
  } else if (!process->not_forked && cell.from == 0) {
    end("its first process forks no cell");
    is_done = false;
  } else if (!process->not_forked) {
    error_code ignored;
    process->channels.job->close(ignored);  // a process that is forked yet ends at its first word
    drop(cell.from);
    if (on_state_lost) on_state_lost(cell.from);
  }
  if (ended_ && first_) co_await empty_.wait_until(Clock::now() + WorkerHandle::kKillTime);
  co_return is_done && !ended_;
}

Outcome SessionJail::lost() const {
  return failed(OutcomeKind::internal,
                std::string(name) + " was lost: " + ended_.value_or("it has ended"));
}

awaitable<Outcome> SessionJail::outcome_of(const Cell& cell, const CellProcess& process,
                                           bool in_time, bool is_cancelled,
                                           std::uint64_t kills_before) {
  const bool was_first = runs_in_first(cell);
  std::optional<int> own_death = was_first ? first_death_ : std::nullopt;
  if (process.death) own_death = process.death->wait_status;
  bool out_of_memory = was_first && was_out_of_memory_;
  const bool was_killed = own_death && WIFSIGNALED(*own_death) && WTERMSIG(*own_death) == SIGKILL;
  if (!ended_ && (!in_time || was_killed)) {
    co_await memory_bytes();
    out_of_memory = memory_kills_ > kills_before;
  }
  if (is_cancelled) co_return failed(OutcomeKind::internal, "the job was cancelled");
  if (!in_time) co_return out_of_memory ? memory_exceeded() : time_exceeded();
  if (process.not_forked) co_return not_forked(*process.not_forked);
  if (process.talk.channel == Channel::reported) {
    const auto validate = [&] {
      return validate_report(*process.talk.report, cell.job.options, cell.caps);
    };
    co_return co_await cell.offload.run(process.talk.report_bytes, validate);
  }
  if (ended_ && !own_death) co_return lost();
  const Ending ending = {process.talk.channel, false, own_death,
                         out_of_memory,        false, cell.job.options};
  co_return outcome_of_ending(ending, cell.caps);
}

awaitable<SessionJail::CellEnd> SessionJail::run(Cell cell, Cancellation& cancellation) {
  const auto self = shared_from_this();
  const std::uint64_t began_ns = sandbox::monotonic_ns(), kills_before = memory_kills_;
  const auto encode = [&] { return encode_job(cell.job); };
  std::string frame = co_await cell.offload.run(cell.job.bytes(), encode);
  const auto calls = cell.output->calls;
  const Assignment job = {std::move(frame), cell.caps, cell.job.options, calls};
  if (ended_) co_return CellEnd{lost()};
  if (!has(cell.from))
    co_return CellEnd{failed(OutcomeKind::gone, "the state for this cell was dropped meanwhile")};
  JailShare::Use share(share_, calls);
  const auto process = start(cell, job);
  if (!process) co_return CellEnd{failed(OutcomeKind::internal, "this cell could not be started")};
  connect_calls(calls, process->channels.job);
  if (calls) calls->take_output = [process] { take_pipes(*process); };
  std::optional listening = cancellation.listen([process] { process->ended.set(); });

  co_await process->begun.wait_until(Clock::now() + kForkTime);
  const bool in_time = co_await wait_for_end(process->ended, cell.deadline, calls);
  const bool is_given_up = calls && calls->problem();
  share.leave_calls();
  listening.reset();
  const std::uint64_t ended_ns = sandbox::monotonic_ns();
  const bool is_cancelled = cancellation.requested();
  const bool was_first = runs_in_first(cell);
  // The first process goes on after any report: there is no state before it to go back to.
  const bool goes_on = was_first ? process->talk.channel == Channel::reported
                                 : cell.keep == Keep::yes && leaves_state(process->talk);
  const bool stays = in_time && !is_cancelled && !ended_ && goes_on;
  const bool may_stop = in_time && !is_cancelled && cell.accounting == Accounting::quick &&
                        process->talk.channel == Channel::reported;
  const Verdict verdict = stays ? Verdict::kept : may_stop ? Verdict::stopped : Verdict::dropped;
  const bool is_there = co_await finish(cell, process, verdict) && stays;
  // What was sent is in the kernel's buffers: reading it waits for nobody.
  co_await take_rest(process);
  if (process->talk.channel == Channel::open)
    co_await process->channel_done.wait_until(Clock::now() + kLastWords);
  error_code ignored;
  if (!is_there && (!was_first || ended_)) process->channels.job->close(ignored);
  co_await process->channel_done.wait();
  CellEnd end;
  end.is_stopped = process->pid > 0 && stopped_ == process->pid;
  end.was_alone = process->was_alone;
  if (process->talk.report) end.grown_bytes = process->talk.report->unchecked().times.grown_bytes;
  end.outcome = co_await outcome_of(cell, *process, in_time, is_cancelled, kills_before);
  process->on_born = nullptr;
  running_.erase(process->pid);
  cells_.erase(process.get());
  if (cells_.empty()) early_.clear();
  end.is_kept = is_there && !process->death && !ended_;
  if (end.is_kept && !was_first) states_[cell.number] = {process->channels.job, process->pid};
  if (process->death) {
    end.outcome.usage.cpu_ns = process->death->usage.cpu_ns;
    end.outcome.usage.peak_memory_bytes = process->death->usage.peak_rss_bytes;
  }
  end.outcome.usage.run_ns = ended_ns - began_ns;
  if (calls) {
    calls->close();
    if (is_given_up && process->talk.channel != Channel::reported)
      end.outcome = failed(OutcomeKind::time_limit, *calls->problem());
    end.outcome.usage.run_ns -= std::min(end.outcome.usage.run_ns, calls->waited_ns());
  }
  co_return end;
}

}  // namespace pyexec
