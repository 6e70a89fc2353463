#include "client/results.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "client/json_line.h"
#include "client/lines.h"

namespace pyexec::client {
namespace {

constexpr std::size_t kPieceBytes = 64 << 10;

Problem cannot(const std::string& what, const std::string& name) {
  return {"cannot " + what + " " + name + ": " + std::strerror(errno)};
}

bool is_same_file(int one, int other) {
  struct stat first = {}, second = {};
  if (::fstat(one, &first) == -1 || ::fstat(other, &second) == -1) return false;
  return S_ISREG(first.st_mode) && first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

}  // namespace

std::variant<Results, Problem> Results::open(net::any_io_executor executor, const Options& options,
                                             int input) {
  const std::string& file = options.output;
  const std::string name = file.empty() ? "standard output" : file;
  const int fd = file.empty() ? ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
                              : ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd == -1) return cannot("write", name);
  net::posix::stream_descriptor stream(executor);
  error_code error;
  if (stream.assign(fd, error); error) {
    ::close(fd);
    return Problem{"cannot write " + name + ": " + error.message()};
  }
  Results results(std::move(stream), name);
  if (!file.empty() && is_same_file(fd, input))
    return Problem{"the output " + name + " is the input"};
  if (options.begin == Options::Begin::resume) {
    auto read = results.read_earlier();
    if (auto* problem = std::get_if<Problem>(&read)) return std::move(*problem);
  } else if (!file.empty() && ::ftruncate(fd, 0) == -1 && errno != EINVAL) {  // no file: a pipe
    return cannot("write", name);
  }
  return results;
}

std::variant<std::monostate, Problem> Results::read_earlier() {
  const int fd = stream_.native_handle();
  struct stat status = {};
  if (::fstat(fd, &status) == -1) return cannot("read", name_);
  if (!S_ISREG(status.st_mode)) return Problem{name_ + " is no file that can be resumed"};
  Lines lines;
  std::vector<char> piece(kPieceBytes);
  std::uint64_t number = 0;
  off_t whole = 0;
  for (;;) {
    const ssize_t got = ::read(fd, piece.data(), piece.size());
    if (got == -1) return cannot("read", name_);
    if (got == 0) break;
    lines.push({piece.data(), static_cast<std::size_t>(got)});
    while (const auto line = lines.next()) {
      ++number;
      whole += static_cast<off_t>(line->size() + 1);
      if (is_blank(*line)) continue;
      const auto answer = read_answer_line(*line);
      if (!answer)
        return Problem{"line " + std::to_string(number) + " of " + name_ +
                       " is no answer of the service; --resume keeps what a pyexec-batch wrote"};
      if (auto id = id_of_line(*line)) earlier_.emplace(*std::move(id), answer->outcome);
    }
  }
  if (::ftruncate(fd, whole) == -1 || ::lseek(fd, whole, SEEK_SET) == -1)
    return cannot("write", name_);
  return std::monostate();
}

awaitable<error_code> Results::write(std::string lines) {
  const auto [error, size] = co_await net::async_write(stream_, net::buffer(lines), kAsTuple);
  co_return error;
}

}  // namespace pyexec::client
