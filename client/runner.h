// The run: three coroutines around one ledger.
//
//   input ── fill ──▶ ledger ── send ──▶ service ── receive ──▶ results
//                       ▲                             │
//                       └───── jobs to send again ◀───┘
//
// `fill` lives as long as there is input, `send` and `receive` as long as a connection; `deliver`
// makes one connection after the other until every job has its answer.
#pragma once

#include <memory>
#include <optional>
#include <random>
#include <string>
#include <unordered_set>

#include "client/connection.h"
#include "client/input.h"
#include "client/ledger.h"
#include "client/patience.h"
#include "client/results.h"
#include "client/screen.h"

namespace pyexec::client {

class Runner {
 public:
  struct Ends {
    Input input;
    Results results;
  };
  Runner(net::io_context& context, const Options& options, Ends ends);

  // Call it once.
  End run();

  // Says on standard error what is to be said about it.
  void finish(const End& end);

 private:
  awaitable<void> fill();
  // What is to be done with a line of the input; nothing: it is no job that is to be sent.
  std::optional<std::string> take_line(const Input::Line& line);
  bool is_answered_already(const Input::Line& line);

  awaitable<void> deliver();
  awaitable<void> attempt();
  // Whether the service takes the line with what jobs have in common. A refusal of it would take an
  // index of the answers, so that it has to be known before.
  awaitable<bool> check_defaults();
  awaitable<bool> open(Connection& connection);
  awaitable<void> send(std::shared_ptr<Connection> connection);
  std::string next_lines();
  awaitable<void> receive(Connection& connection);
  awaitable<bool> is_accepted(Connection& connection);
  awaitable<bool> write(std::string lines);
  // The line as it is to be written, which may be not at all. Nothing: the service talks nonsense.
  std::optional<std::string> take_answer(std::string_view line);

  void trouble(const std::string& what, std::optional<Patience::Duration> asked_for = {});
  bool is_done() const { return is_input_over_ && ledger_.size() == 0; }
  awaitable<void> show();
  void draw();
  void watch_signals();
  // The first one counts. Lines that are being written are written first.
  void end(End end);

  net::io_context& context_;
  const Options& options_;
  Input input_;
  Results results_;
  Screen screen_;
  Ledger ledger_;
  Patience patience_;
  Tally tally_;
  Progress progress_;
  std::mt19937 random_{std::random_device()()};
  net::signal_set signals_;
  Signal work_, room_, sent_;
  std::string defaults_;  // with its newline
  std::unordered_set<std::string> ids_;
  std::uint64_t places_ = 0, done_bytes_ = 0, before_ = 0;
  bool is_input_over_ = false, is_writing_ = false, was_connected_ = false, has_begun_ = false;
  Deadline begin_ = Clock::now();
  std::optional<End> end_;
};

}  // namespace pyexec::client
