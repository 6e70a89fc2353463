// Of the Runner: what goes over one connection.
#include <algorithm>
#include <csignal>
#include <iterator>

#include "client/json_line.h"
#include "client/runner.h"

namespace pyexec::client {
namespace {

using State = Connection::Piece::State;

constexpr std::size_t kSentBytes = 64 << 10;     // a chunk, about
constexpr std::size_t kRefusalBytes = 64 << 10;  // as much of a refusal is read
// A blank line so often keeps alive a request that has nothing to say. By default the service
// closes a connection after 75 s.
constexpr std::chrono::seconds kHeartbeat{4};

// All others are final.
constexpr unsigned kPassingStatuses[] = {408, 425, 429, 500, 502, 503, 504};

}  // namespace

awaitable<bool> Runner::open(Connection& connection) {
  const auto failure = co_await connection.open();
  if (failure == Connection::Failure::unknown_host && !was_connected_) {
    end({kExitRefused, connection.problem()});
    co_return false;
  }
  if (failure != Connection::Failure::none) trouble(connection.problem());
  was_connected_ = was_connected_ || failure == Connection::Failure::none;
  co_return failure == Connection::Failure::none;
}

awaitable<bool> Runner::check_defaults() {
  Connection connection(context_.get_executor(), options_.url, options_.key);
  if (!co_await open(connection)) co_return false;
  if (co_await connection.send_head() && co_await connection.send(defaults_))
    co_await connection.finish();
  if (!co_await is_accepted(connection)) co_return false;
  Lines lines;
  auto state = State::more;
  while (state == State::more) {
    const auto piece = co_await connection.read();
    state = piece.state;
    lines.push(piece.text);
    while (const auto line = lines.next()) {
      const auto answer = read_answer_line(*line);
      if (!answer || answer->what == AnswerLine::What::progress) continue;
      end({kExitRefused, "the service refuses the line with defaults: " + error_of(*line)});
      co_return false;
    }
  }
  if (state == State::complete) co_return true;
  trouble(connection.problem());
  co_return false;
}

// As many of the lines that wait as make a chunk.
std::string Runner::next_lines() {
  std::string text;
  if (Clock::now() < patience_.next_try()) return text;
  while (text.size() < kSentBytes) {
    const auto line = ledger_.take_next();
    if (!line) break;
    text += *line;
  }
  return text;
}

awaitable<void> Runner::send(std::shared_ptr<Connection> connection) {
  std::string text = defaults_;
  bool is_good = co_await connection->send_head();
  while (is_good && connection->is_open()) {
    text += next_lines();
    if (!text.empty()) {
      is_good = co_await connection->send(text);
      text.clear();
      continue;
    }
    if (is_input_over_ && !ledger_.has_waiting()) {
      co_await connection->finish();
      break;
    }
    const Deadline next = ledger_.has_waiting() ? patience_.next_try() : Clock::now() + kHeartbeat;
    const bool has_changed = co_await work_.wait_until(next);
    if (!has_changed && !ledger_.has_waiting()) text = "\n";
  }
  sent_.set();
}

awaitable<void> Runner::receive(Connection& connection) {
  if (!co_await is_accepted(connection)) co_return;
  Lines lines;
  for (;;) {
    const auto piece = co_await connection.read();
    lines.push(piece.text);
    std::string out;
    std::optional<std::string> answer = "";
    while (const auto line = lines.next()) {
      if (is_blank(*line)) continue;
      answer = take_answer(*line);
      if (!answer) break;
      out += *answer;
    }
    if (!out.empty() && !co_await write(std::move(out))) co_return;
    room_.set();
    work_.set();
    if (!answer) co_return trouble("the service sent what is no answer to any of the jobs");
    if (piece.state == State::broken) co_return trouble(connection.problem());
    if (piece.state == State::complete) break;
  }
  if (ledger_.has_out() || !connection.is_finished())
    trouble("the service ended its answer before every job had one");
}

awaitable<bool> Runner::is_accepted(Connection& connection) {
  const auto head = co_await connection.read_head();
  if (!head) {
    trouble(connection.problem());
    co_return false;
  }
  if (head->status == 200 && head->content_type.starts_with("application/x-ndjson")) co_return true;
  std::string body;
  for (auto state = State::more; state == State::more && body.size() < kRefusalBytes;) {
    const auto piece = co_await connection.read();
    state = piece.state;
    body += piece.text;
  }
  const std::string what = "HTTP " + std::to_string(head->status) + ": " + error_of(body);
  if (std::count(std::begin(kPassingStatuses), std::end(kPassingStatuses), head->status) > 0)
    trouble(what, head->retry_after);
  else if (head->status == 200)
    end({kExitRefused, options_.url.host_header() + " is no pyexec service: it answered with " +
                           (head->content_type.empty() ? "no type" : head->content_type)});
  else
    end({kExitRefused, "the service refused the jobs: " + what});
  co_return false;
}

std::optional<std::string> Runner::take_answer(std::string_view line) {
  const auto answer = read_answer_line(line);
  if (!answer) return std::nullopt;
  if (answer->what == AnswerLine::What::progress) return "";
  const auto verdict = ledger_.settle(answer->index, answer->outcome);
  if (verdict.what == Ledger::Verdict::What::unknown) return std::nullopt;
  if (verdict.what == Ledger::Verdict::What::again) {
    trouble(answer->outcome + ": " + error_of(line));
    return "";
  }
  patience_.progressed();
  tally_.count(answer->outcome);
  done_bytes_ += verdict.bytes;
  return with_index(line, *answer, verdict.place) + "\n";
}

awaitable<bool> Runner::write(std::string lines) {
  is_writing_ = true;
  const error_code error = co_await results_.write(std::move(lines));
  is_writing_ = false;
  if (error == net::error::broken_pipe)
    end({kExitSignal + SIGPIPE});
  else if (error)
    end({kExitRefused, "cannot write " + results_.name() + ": " + error.message()});
  else if (end_)
    end(*end_);
  co_return !end_;
}

}  // namespace pyexec::client
