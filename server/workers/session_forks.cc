// The processes that a session's jail forks: where each cell begins.
#include "server/workers/session_jail.h"

namespace pyexec {
namespace {

using sandbox::CellOrder;

}  // namespace

// Returns the server's ends of the channels of a new process that `from` forks.
std::optional<CellChannels> SessionJail::send_fork(State from) {
  const auto state = states_.find(from);
  auto made = state == states_.end() ? std::nullopt : make_channels(executor_);
  if (!made) return std::nullopt;
  const std::string frame = encode_fork();
  std::array<int, kForkFds> fds;
  for (std::size_t i = 0; i < fds.size(); ++i) fds[i] = made->theirs[i].get();
  const auto bytes = std::as_bytes(std::span(frame));
  if (!send_message(state->second.socket->native_handle(), bytes, fds)) return std::nullopt;
  return made->ours;
}

awaitable<SessionJail::Forked> SessionJail::fork_spare() {
  const auto self = shared_from_this();
  const JailShare::Use share(share_);
  const auto channels = ended_ || spare_ ? std::nullopt : send_fork(0);
  if (!channels) co_return Forked::no;
  const auto born = std::make_shared<Event>(executor_);
  const auto birth = std::make_shared<Birth>();
  const auto listen = [socket = channels->job, born, birth]() -> awaitable<void> {
    *birth = co_await read_birth(*socket);
    born->set();
  };
  net::co_spawn(executor_, listen, net::detached);
  co_await born->wait_until(Clock::now() + kForkTime);
  if (birth->pid == 0 || ended_) {
    error_code ignored;
    channels->job->close(ignored);
    const auto& why = birth->not_forked;
    const bool is_touched =
        why && why->step == sandbox::Step::verify && why->index == kTouchedFiles;
    co_return is_touched ? Forked::touched : Forked::no;
  }
  spare_ = Spare{*channels, birth->pid};
  co_return Forked::yes;
}

awaitable<bool> SessionJail::end_stopped() {
  const auto self = shared_from_this();
  const pid_t pid = std::exchange(stopped_, 0);
  if (pid == 0) co_return false;
  const bool had_ended = std::exchange(has_stopped_ended_, false);
  const Carried carried = co_await order(CellOrder::kill, pid);
  const bool was_alone = carried.was_alone && !had_ended;
  co_return carried.is_done&& was_alone;
}

awaitable<void> SessionJail::drop_spare() {
  const auto self = shared_from_this();
  const auto spare = std::exchange(spare_, std::nullopt);
  if (spare) co_await order(CellOrder::kill, spare->pid);
}

std::shared_ptr<CellProcess> SessionJail::start(const Cell& cell, const Assignment& job) {
  const bool is_forked = !runs_in_first(cell);
  auto spare = is_forked && cell.from == 0 ? std::exchange(spare_, std::nullopt) : std::nullopt;
  CellChannels channels = {states_.at(0).socket,
                           std::shared_ptr<OutputPipe>(first_, &first_->output()),
                           std::shared_ptr<OutputPipe>(first_, &first_->errors())};
  if (spare) {
    channels = spare->channels;
  } else if (is_forked) {
    const auto made = send_fork(cell.from);
    if (!made) return nullptr;
    channels = *made;
  }
  auto process = std::make_shared<CellProcess>(executor_, channels, job, cell.output);
  cells_[process.get()] = process;
  process->on_born = [this, weak = std::weak_ptr(process)] {
    if (const auto born = weak.lock()) add_running(born);
  };
  if (spare) process->pid = spare->pid, add_running(process);
  const bool is_new = is_forked && !spare;
  begin_talk(executor_, process, is_new ? Begins::forked : Begins::there, cell.offload);
  return process;
}

}  // namespace pyexec
