// The server's ends of the process that runs one cell of a session, and what is known of it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "sandbox/base/cell_line.h"
#include "sandbox/base/unique_fd.h"
#include "server/base/event.h"
#include "server/job/job_output.h"
#include "server/workers/conversation.h"
#include "server/workers/output_pipe.h"

namespace pyexec {

using JobSocket = net::local::stream_protocol::socket;

// What a cell's process is connected with. Not closed by CellProcess.
struct CellChannels {
  std::shared_ptr<JobSocket> job;
  std::shared_ptr<OutputPipe> output, errors;
};

// New channels, and the other ends of them, for the process. Returns nullopt if the server is out
// of descriptors.
struct NewChannels {
  CellChannels ours;
  std::array<UniqueFd, kForkFds> theirs;
};
std::optional<NewChannels> make_channels(net::any_io_executor executor);

// What a process says first that was forked for a cell: its pid in its jail, or why there is none.
struct Birth {
  pid_t pid = 0;  // 0: there is none
  std::optional<sandbox::SetupError> not_forked = {};
};
awaitable<Birth> read_birth(JobSocket& socket);

// Shared by the coroutines of one cell. The references must outlive them.
struct CellProcess {
  CellProcess(net::any_io_executor executor, CellChannels channels_of, const Assignment& assignment,
              std::shared_ptr<JobOutput> kept_output)
      : channels(std::move(channels_of)),
        job(assignment),
        output(std::move(kept_output)),
        begun(executor),
        ended(executor),
        channel_done(executor),
        output_done(executor),
        output_closed(executor),
        errors_closed(executor) {}

  CellChannels channels;
  const Assignment job;
  std::shared_ptr<JobOutput> output;
  Conversation talk;
  pid_t pid = 0;                                  // in its jail, by its own word; 0: not yet
  std::function<void()> on_born;                  // called when it has a pid
  std::optional<sandbox::SetupError> not_forked;  // why there is no process
  std::optional<sandbox::CellNotice> death;
  bool was_alone = false;  // CellEnd's
  int pipes_open = 2;
  Event begun;  // it has a pid, or will never have one
  Event ended;  // the cell is over, for whichever reason came first
  Event channel_done, output_done;
  Event output_closed, errors_closed;
};

// Whether the process is forked for this cell, and says so first, or is there already.
enum class Begins { forked, there };
// Start the conversation and the reading of both pipes, which set the events above.
void begin_talk(net::any_io_executor executor, const std::shared_ptr<CellProcess>& cell,
                Begins begins, Offload& offload);
// Reads what is in the pipes.
void take_pipes(CellProcess& cell);
// The same, and stops reading. Call once nobody of the cell can write any more.
awaitable<void> take_rest(const std::shared_ptr<CellProcess>& cell);

}  // namespace pyexec
