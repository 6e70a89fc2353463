// The reading end of a pipe that a job prints to. What exceeds the capture's cap is dropped, not
// refused, so that a flood neither blocks the script nor grows the server.
#pragma once

#include <functional>

#include "server/base/event.h"
#include "server/job/output_capture.h"

namespace pyexec {

using OutputPipe = net::posix::stream_descriptor;

// Reads until the pipe ends or is closed. on_more, if there is one, is called whenever something
// has come. closed: set by whoever closes the pipe, or cancels its operations. The arguments must
// outlive the coroutine.
awaitable<void> take_until_end(OutputPipe& pipe, OutputCapture& capture,
                               const std::function<void()>& on_more, Event& closed);

// What is there now. Of a job that is dead, so that this is all; at most two MiB.
void take_all(OutputPipe& pipe, OutputCapture& capture, const std::function<void()>& on_more);

}  // namespace pyexec
