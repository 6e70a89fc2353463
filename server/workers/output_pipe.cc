#include "server/workers/output_pipe.h"

#include <unistd.h>

#include <new>

namespace pyexec {
namespace {

// Amount read in one turn of the event loop.
enum class Taken { little, much, all_there_will_be };

// Reads what the pipe holds now, with a bounded number of reads.
Taken take(OutputPipe& pipe, OutputCapture& capture, const std::function<void()>& on_more) {
  constexpr int kTurnReads = 16;
  constexpr std::size_t kLittleBytes = 16 << 10;
  static char buffer[64 << 10];  // one thread, and no suspension between reading and appending
  bool ended = false;
  std::size_t bytes = 0;
  int reads = 0;
  for (; reads < kTurnReads; ++reads) {
    const ssize_t got = ::read(pipe.native_handle(), buffer, sizeof buffer);
    if (got <= 0) {
      ended = got == 0 || (errno != EAGAIN && errno != EINTR);
      break;
    }
    capture.append({buffer, static_cast<std::size_t>(got)});
    bytes += static_cast<std::size_t>(got);
  }
  if (bytes > 0 && on_more) on_more();
  if (ended) return Taken::all_there_will_be;
  return reads == kTurnReads || bytes >= kLittleBytes ? Taken::much : Taken::little;
}

}  // namespace

// A script that writes byte by byte would otherwise occupy the service turn after turn, so after
// a small read the next bytes are left to accumulate.
awaitable<void> take_until_end(OutputPipe& pipe, OutputCapture& capture,
                               const std::function<void()>& on_more, Event& closed) {
  constexpr std::chrono::milliseconds kGather{1};
  for (Taken taken = Taken::much; taken != Taken::all_there_will_be && !closed.is_set();) {
    const auto [error] = co_await pipe.async_wait(OutputPipe::wait_read, kAsTuple);
    try {
      taken = error ? Taken::all_there_will_be : take(pipe, capture, on_more);
    } catch (const std::bad_alloc&) {
      taken = Taken::all_there_will_be;
    }
    if (taken == Taken::little) co_await closed.wait_until(Clock::now() + kGather);
  }
}

void take_all(OutputPipe& pipe, OutputCapture& capture, const std::function<void()>& on_more) {
  // More than a pipe holds: a process that should be dead and is not cannot keep this going.
  constexpr int kMostTurns = 2;
  for (int turns = 0; turns < kMostTurns; ++turns)
    if (take(pipe, capture, on_more) != Taken::much) return;
}

}  // namespace pyexec
