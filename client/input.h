// The lines of the input, read as they are wanted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "client/asio.h"
#include "client/lines.h"
#include "client/progress.h"
#include "client/url.h"

namespace pyexec::client {

inline constexpr std::uint64_t kLargestLine = 64 << 20;

class Input {
 public:
  // An empty name is standard input.
  static std::variant<Input, Problem> open(net::any_io_executor executor, const std::string& name);

  struct Line {
    std::string_view text;     // without its newline; good until the next call
    std::uint64_t number = 0;  // of the line in the file, from 1
  };
  // The next line that is not blank. Nothing: that was the last.
  awaitable<std::variant<std::optional<Line>, Problem>> next();

  // Of a file that can be read twice: how much there is, lines up to the size where counting them
  // takes long. Before the first `next`.
  Progress::Total total() const;

  int descriptor() { return stream_.native_handle(); }

 private:
  Input(net::posix::stream_descriptor stream, std::string name)
      : stream_(std::move(stream)), name_(std::move(name)) {}

  mutable net::posix::stream_descriptor stream_;
  std::string name_;
  Lines lines_;
  std::uint64_t number_ = 0;
  enum class State { open, last_line, over } state_ = State::open;
};

}  // namespace pyexec::client
