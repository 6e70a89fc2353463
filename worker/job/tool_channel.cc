// Runs in the jailed worker.
#include "worker/job/tool_channel.h"

#include <poll.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sandbox/base/sys.h"
#include "sandbox/jail.h"
#include "worker/protocol/frame.h"

namespace py = pybind11;

namespace pyexec {
namespace {

constexpr const char* kClosed = "the job's socket is closed";

void send_calls(std::uint64_t first, bool may_follow, const py::list& calls) {
  ToolCalls frame = {first, may_follow ? 1u : 0u};
  for (const py::handle entry : calls) {
    const auto pair = py::reinterpret_borrow<py::tuple>(entry);
    frame.calls.push_back({pair[0].cast<std::string>(), pair[1].cast<std::string>()});
  }
  const std::string bytes = encode_call(frame);
  const py::gil_scoped_release others_run;
  if (sys::send_all(sandbox::kJobFd, bytes.data(), bytes.size())) return;
  const py::gil_scoped_acquire alone;
  throw py::value_error(kClosed);
}

// Waits until there is something on the socket, or on `wake` if it is not -1, in which case it
// waits for nothing. Returns whether it is on the socket.
bool await_answer(int wake) {
  pollfd watched[] = {{sandbox::kJobFd, POLLIN, 0}, {wake, POLLIN, 0}};
  for (;;) {
    int ready = -1, error = 0;
    {
      const py::gil_scoped_release others_run;
      ready = ::poll(watched, 2, wake == -1 ? 0 : -1);
      error = errno;
    }
    if (ready == -1 && error != EINTR) throw py::value_error(kClosed);
    // A handler of the script's may run, and raise.
    if (ready == -1 && PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (ready >= 0) return watched[1].revents == 0 && watched[0].revents != 0;
  }
}

std::optional<ToolAnswer> read_answer() {
  const py::gil_scoped_release others_run;
  std::array<std::byte, kFrameHeaderBytes> head;
  if (!sys::read_all(sandbox::kJobFd, head.data(), head.size())) return std::nullopt;
  const auto header = decode_header(head);
  if (!header || header->type != FrameType::answer) return std::nullopt;
  std::string body(header->body_bytes, '\0');
  if (!sys::read_all(sandbox::kJobFd, body.data(), body.size())) return std::nullopt;
  return decode_answer(body);
}

py::object receive_answer(int wake) {
  if (!await_answer(wake)) return py::none();
  const auto answer = read_answer();
  if (!answer) throw py::value_error(kClosed);
  return py::make_tuple(answer->number, answer->is_error == 1, py::str(answer->text));
}

}  // namespace

void connect_tools() {
  const py::object connect =
      py::module_::import("sys").attr("modules")["_pyexec_tools"].attr("connect");
  connect(py::cpp_function(&send_calls), py::cpp_function(&receive_answer), sandbox::kJobFd);
}

}  // namespace pyexec
