#include "server/workers/worker_handle.h"

#include <unistd.h>

#include "sandbox/base/lifeline.h"
#include "server/workers/frame_reader.h"

namespace pyexec {

WorkerHandle::WorkerHandle(net::any_io_executor executor, Identity identity, FdMessage& message)
    : identity_(identity),
      job_(executor, net::local::stream_protocol(), message.fds[0].release()),
      output_(executor, message.fds[1].release()),
      errors_(executor, message.fds[2].release()),
      lifeline_(executor, net::local::stream_protocol(), message.fds[3].release()),
      init_pidfd_(std::move(message.fds[4])),
      share_file_(identity.share_file == sandbox::ShareFile::none ? UniqueFd()
                                                                  : std::move(message.fds[5])),
      gone_(executor) {}

void WorkerHandle::set_share(sandbox::Share share) {
  if (!share_file_ || share == share_) return;
  const std::string_view text = sandbox::share_text(identity_.share_file, share);
  // The slot has tried both. Fails only once it is gone, and with it all processes that were in it.
  if (::write(share_file_.get(), text.data(), text.size()) == -1) share_file_.reset();
  share_ = share;
}

awaitable<bool> WorkerHandle::end_job() {
  set_share(sandbox::Share::full);
  error_code ignored;
  lifeline_.shutdown(net::local::stream_protocol::socket::shutdown_send, ignored);
  co_return co_await hear();
}

awaitable<bool> WorkerHandle::await_empty() {
  if (!empty_) co_await hear();
  if (empty_) set_empty();
  co_return empty_;
}

// Waits for the init's next message or, if it ended without one, for the end of its jail.
awaitable<bool> WorkerHandle::hear() {
  net::steady_timer limit(co_await net::this_coro::executor, kKillTime);
  limit.async_wait([weak = weak_from_this()](error_code error) {
    const auto self = weak.lock();
    if (error || !self) return;
    self->lifeline_.cancel();
    if (self->init_) self->init_->cancel();
  });
  char word = 0;
  const auto [error, size] = co_await lifeline_.async_receive(net::buffer(&word, 1), kAsTuple);
  if (!error && word == sandbox::kWorkerStopped) co_return true;
  empty_ = !error && word == sandbox::kJailEmpty;
  if (empty_ || limit.expiry() <= Clock::now()) co_return empty_;
  jail_broke_ = true;
  // If the init ended in another way, the kernel empties its jail. Its pidfd signals when that is
  // done.
  if (!init_) init_.emplace(lifeline_.get_executor(), init_pidfd_.release());
  const auto [wait_error] =
      co_await init_->async_wait(net::posix::stream_descriptor::wait_read, kAsTuple);
  empty_ = !wait_error;
  co_return empty_;
}

void WorkerHandle::set_exited(const WorkerExited& exited) {
  out_of_memory_ = exited.out_of_memory == 1;
  wait_status_ = exited.wait_status;
  used_ = exited.usage;
  announce();
}

void WorkerHandle::set_lost() {
  if (wait_status_) return;
  announce();
}

void WorkerHandle::announce() {
  gone_.set();
  if (auto call = std::exchange(on_gone, nullptr)) call();
}

awaitable<WorkerHandle::FirstWords> WorkerHandle::await_ready() {
  FrameReader reader(job_);
  const auto [error, header] = co_await reader.read_head();
  std::string body;
  if (header && header->body_bytes <= kMaxMessageBytes) {
    body.resize(header->body_bytes);
    const error_code body_error = co_await reader.read_body(body);
    if (body_error) body.clear();
  }
  const auto times = header && header->type == FrameType::ready ? decode_ready(body) : std::nullopt;
  FirstWords words = {times, ""};
  if (times && !gone_.is_set()) co_return words;
  const auto failed =
      header && header->type == FrameType::setup_failed ? decode_setup_failed(body) : std::nullopt;
  words = {std::nullopt, failed ? "a worker could not enter its jail: " + sandbox::describe(*failed)
                                : "a worker ended before it was ready"};
  co_return words;
}

awaitable<void> reap_in_background(std::shared_ptr<WorkerHandle> worker, Log& log) {
  // One await per statement: g++ 12 compiles two in an `if` to a trap.
  bool is_empty = co_await worker->end_job();
  is_empty = is_empty && co_await worker->await_empty();
  if (!is_empty) log.warn("a jail could not be emptied");
}

}  // namespace pyexec
