// Where the answers are written to, and those that an earlier run left there.
#pragma once

#include <string>
#include <unordered_map>
#include <variant>

#include "client/asio.h"
#include "client/options.h"

namespace pyexec::client {

class Results {
 public:
  // `input`: the descriptor of what is read, which must not be what is written.
  static std::variant<Results, Problem> open(net::any_io_executor executor, const Options& options,
                                             int input);

  awaitable<error_code> write(std::string lines);

  // Outcomes by id, as id_of_line has it: of an output that is resumed.
  using Earlier = std::unordered_map<std::string, std::string>;
  const Earlier& earlier() const { return earlier_; }
  const std::string& name() const { return name_; }

 private:
  Results(net::posix::stream_descriptor stream, std::string name)
      : stream_(std::move(stream)), name_(std::move(name)) {}
  // Keeps whole lines only.
  std::variant<std::monostate, Problem> read_earlier();

  net::posix::stream_descriptor stream_;
  std::string name_;
  Earlier earlier_;
};

}  // namespace pyexec::client
