// The read end of a pipe that a job prints to. Output beyond the capture's cap is read and dropped,
// so that a flood neither blocks the script nor uses up the server's memory.
#pragma once

#include <functional>

#include "server/base/asio.h"
#include "server/job/output_capture.h"

namespace pyexec {

using OutputPipe = net::posix::stream_descriptor;

// Reads until the pipe ends or is closed. Calls on_more, if set, after each read that returned
// data. The arguments must outlive the coroutine.
awaitable<void> take_until_end(OutputPipe& pipe, OutputCapture& capture,
                               const std::function<void()>& on_more);

// Reads what is in the pipe now. The job must be dead, so that nothing is added and this ends.
void take_all(OutputPipe& pipe, OutputCapture& capture, const std::function<void()>& on_more);

}  // namespace pyexec
