#include "server/workers/cell_process.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <new>

#include "server/workers/frame_reader.h"

namespace pyexec {
namespace {

// The job is on its way before there is a process to read it.
awaitable<void> talk(std::shared_ptr<CellProcess> cell, Begins begins, Offload& offload) {
  JobSocket& socket = *cell->channels.job;
  Channel channel = co_await send_job(socket, cell->job);
  if (begins == Begins::forked) {
    const Birth birth = co_await read_birth(socket);
    cell->not_forked = birth.not_forked;
    cell->pid = birth.pid;
    if (birth.pid > 0 && cell->on_born) cell->on_born();
  }
  cell->begun.set();
  if (begins == Begins::forked && cell->pid == 0) channel = Channel::unread;
  if (channel == Channel::open)
    cell->talk = co_await hear_report(socket, cell->job, offload);
  else
    cell->talk.channel = channel;
  cell->channel_done.set();
  // A closed channel alone decides nothing. The end of the process, which explains it, is reported
  // next.
  channel = cell->talk.channel;
  if (cell->pid == 0 || (channel != Channel::closed && channel != Channel::unread))
    cell->ended.set();
}

awaitable<void> drain(std::shared_ptr<CellProcess> cell, std::shared_ptr<OutputPipe> pipe,
                      OutputCapture& capture, Event& closed) {
  try {
    co_await take_until_end(*pipe, capture, cell->output->on_more, closed);
  } catch (const std::bad_alloc&) {  // the kept output counts
  }
  if (--cell->pipes_open == 0) cell->output_done.set();
}

}  // namespace

awaitable<Birth> read_birth(JobSocket& socket) {
  std::array<std::byte, kFrameHeaderBytes> head;
  const auto [error, size] = co_await net::async_read(socket, net::buffer(head), kAsTuple);
  const auto header = error ? std::nullopt : decode_header(head);
  constexpr std::size_t kMostBytes = 64;
  if (!header || header->body_bytes > kMostBytes) co_return Birth{};
  std::string body(header->body_bytes, '\0');
  const auto [body_error, body_size] =
      co_await net::async_read(socket, net::buffer(body), kAsTuple);
  if (body_error) co_return Birth{};
  constexpr std::uint64_t kFirstPid = 3, kMostPid = 1 << 22;
  if (header->type == FrameType::setup_failed) co_return Birth{0, decode_setup_failed(body)};
  const auto pid = header->type == FrameType::forked ? decode_forked(body) : std::nullopt;
  if (!pid || *pid < kFirstPid || *pid > kMostPid) co_return Birth{};
  co_return Birth{static_cast<pid_t>(*pid)};
}

std::optional<NewChannels> make_channels(net::any_io_executor executor) {
  int socket[2], output[2], errors[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socket) == -1) return std::nullopt;
  UniqueFd our_job(socket[0]), their_job(socket[1]);
  if (::pipe2(output, O_CLOEXEC) == -1) return std::nullopt;
  UniqueFd our_output(output[0]), their_output(output[1]);
  if (::pipe2(errors, O_CLOEXEC) == -1) return std::nullopt;
  UniqueFd our_errors(errors[0]), their_errors(errors[1]);
  NewChannels out = {
      {std::make_shared<JobSocket>(executor, net::local::stream_protocol(), our_job.release()),
       std::make_shared<OutputPipe>(executor, our_output.release()),
       std::make_shared<OutputPipe>(executor, our_errors.release())},
      {std::move(their_job), std::move(their_output), std::move(their_errors)}};
  out.ours.job->native_non_blocking(true);
  return out;
}

void begin_talk(net::any_io_executor executor, const std::shared_ptr<CellProcess>& cell,
                Begins begins, Offload& offload) {
  const CellChannels& channels = cell->channels;
  channels.output->native_non_blocking(true);
  channels.errors->native_non_blocking(true);
  net::co_spawn(executor, talk(cell, begins, offload), net::detached);
  net::co_spawn(executor, drain(cell, channels.output, cell->output->standard, cell->output_closed),
                net::detached);
  net::co_spawn(executor, drain(cell, channels.errors, cell->output->errors, cell->errors_closed),
                net::detached);
}

void take_pipes(CellProcess& cell) {
  take_all(*cell.channels.output, cell.output->standard, cell.output->on_more);
  take_all(*cell.channels.errors, cell.output->errors, cell.output->on_more);
}

awaitable<void> take_rest(const std::shared_ptr<CellProcess>& cell) {
  take_pipes(*cell);
  cell->output_closed.set();
  cell->errors_closed.set();
  error_code ignored;
  cell->channels.output->cancel(ignored);
  cell->channels.errors->cancel(ignored);
  co_await cell->output_done.wait();
}

}  // namespace pyexec
