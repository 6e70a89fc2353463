#include "client/input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "client/json_line.h"

namespace pyexec::client {
namespace {

constexpr std::size_t kPieceBytes = 64 << 10;
constexpr off_t kMostCountedBytes = off_t{1} << 30;

std::string shown(const std::string& name) {
  return name.empty() ? "standard input" : name;
}

}  // namespace

std::variant<Input, Problem> Input::open(net::any_io_executor executor, const std::string& name) {
  const auto refuse = [&name] {
    return Problem{"cannot read " + shown(name) + ": " + std::strerror(errno)};
  };
  const int fd = name.empty() ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                              : ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd == -1) return refuse();
  net::posix::stream_descriptor stream(executor);
  error_code error;
  if (stream.assign(fd, error); error) {
    ::close(fd);
    return Problem{"cannot read " + shown(name) + ": " + error.message()};
  }
  struct stat status = {};
  if (::fstat(fd, &status) == -1) return refuse();
  errno = EISDIR;
  if (S_ISDIR(status.st_mode)) return refuse();
  return Input(std::move(stream), name);
}

awaitable<std::variant<std::optional<Input::Line>, Problem>> Input::next() {
  const auto too_large = [this](std::uint64_t number) {
    return Problem{"line " + std::to_string(number) + " of " + shown(name_) +
                   " is larger than the limit of 64 MiB"};
  };
  for (;;) {
    while (const auto line = lines_.next()) {
      ++number_;
      if (line->size() > kLargestLine) co_return too_large(number_);
      if (!is_blank(*line)) co_return Line{*line, number_};
    }
    if (lines_.rest().size() > kLargestLine) co_return too_large(number_ + 1);
    if (state_ == State::over) co_return std::nullopt;
    if (state_ == State::last_line) {
      state_ = State::over;
      lines_.push("\n");
      continue;
    }
    std::vector<char> piece(kPieceBytes);
    const auto [error, size] = co_await stream_.async_read_some(net::buffer(piece), kAsTuple);
    if (error == net::error::eof)
      state_ = State::last_line;
    else if (error)
      co_return Problem{"cannot read " + shown(name_) + ": " + error.message()};
    lines_.push({piece.data(), size});
  }
}

Progress::Total Input::total() const {
  const int fd = stream_.native_handle();
  struct stat status = {};
  if (name_.empty() || ::fstat(fd, &status) == -1 || !S_ISREG(status.st_mode)) return {};
  const auto bytes = static_cast<std::uint64_t>(status.st_size);
  if (status.st_size > kMostCountedBytes) return {std::nullopt, bytes};
  Lines lines;
  std::vector<char> piece(kPieceBytes);
  std::uint64_t jobs = 0, seen = 0;
  const auto count = [&](std::string_view line) {
    if (is_blank(line)) return;
    if (seen++ > 0 || !is_defaults_line(line)) ++jobs;
  };
  off_t at = 0;
  for (ssize_t got = 0; (got = ::pread(fd, piece.data(), piece.size(), at)) > 0; at += got) {
    lines.push({piece.data(), static_cast<std::size_t>(got)});
    while (const auto line = lines.next()) count(*line);
    if (lines.rest().size() > kLargestLine) return {std::nullopt, bytes};
  }
  count(lines.rest());
  return {jobs, bytes};
}

}  // namespace pyexec::client
