#include "client/runner.h"

#include <csignal>
#include <memory>

#include "client/json_line.h"

namespace pyexec::client {
namespace {

constexpr std::uint64_t kWindowBytes = 64 << 20;
constexpr unsigned kInternalRetries = 3;
constexpr std::chrono::milliseconds kRedraw{200};
void rethrow(std::exception_ptr error) {
  if (error) std::rethrow_exception(error);
}

bool is_shown(const Options& options) {
  if (options.show == Options::Show::on_terminals) return Screen::is_terminal();
  return options.show == Options::Show::always;
}

}  // namespace

Runner::Runner(net::io_context& context, const Options& options, Ends ends)
    : context_(context),
      options_(options),
      input_(std::move(ends.input)),
      results_(std::move(ends.results)),
      ledger_({options.window, kWindowBytes, kInternalRetries}),
      patience_(options.retry),
      progress_(is_shown(options) ? input_.total() : Progress::Total{}, Clock::now()),
      signals_(context, SIGINT, SIGTERM),
      work_(context.get_executor()),
      room_(context.get_executor()),
      sent_(context.get_executor()) {}

End Runner::run() {
  begin_ = Clock::now();
  watch_signals();
  net::co_spawn(context_, fill(), rethrow);
  net::co_spawn(context_, deliver(), rethrow);
  if (is_shown(options_)) net::co_spawn(context_, show(), rethrow);
  context_.run();
  if (is_shown(options_)) draw();
  return *end_;
}

void Runner::end(End end) {
  if (!end_) end_ = std::move(end);
  if (!is_writing_) context_.stop();
}

void Runner::watch_signals() {
  signals_.async_wait([this](error_code error, int signal) {
    if (error) return;
    signals_.clear();  // the next one kills
    end({kExitSignal + signal});
  });
}

awaitable<void> Runner::fill() {
  for (;;) {
    auto next = co_await input_.next();
    if (auto* problem = std::get_if<Problem>(&next))
      co_return end({kExitRefused, std::move(problem->message)});
    const auto line = std::get<std::optional<Input::Line>>(next);
    if (!line) break;
    auto text = take_line(*line);
    if (!text) continue;
    while (!ledger_.has_room(text->size())) co_await room_.wait();
    ledger_.add(places_++, *std::move(text));
    work_.set();
  }
  is_input_over_ = true;
  work_.set();
}

std::optional<std::string> Runner::take_line(const Input::Line& line) {
  const bool is_first = !std::exchange(has_begun_, true);
  std::string text = std::string(line.text) + "\n";
  if (is_first && is_defaults_line(line.text)) {
    defaults_ = std::move(text);
    return std::nullopt;
  }
  if (options_.begin == Options::Begin::resume && is_answered_already(line)) return std::nullopt;
  return text;
}

bool Runner::is_answered_already(const Input::Line& line) {
  const auto refuse = [&](const std::string& why) {
    end({kExitRefused, "line " + std::to_string(line.number) + why});
    return true;
  };
  const auto id = id_of_line(line.text);
  if (!id) return refuse(" has no 'id' that is a text or a whole number, which --resume needs");
  if (!ids_.insert(*id).second)
    return refuse(" has the id " + *id + (id->front() == '"' ? "\"" : "") +
                  " of a line before it; --resume needs one of its own for each");
  const auto answered = results_.earlier().find(*id);
  if (answered == results_.earlier().end()) return false;
  tally_.count(answered->second);
  done_bytes_ += line.text.size() + 1;
  ++before_;
  ++places_;
  return true;
}

awaitable<void> Runner::deliver() {
  while (!is_done()) {
    if (!ledger_.has_waiting())
      co_await work_.wait();
    else if (Clock::now() < patience_.next_try())
      co_await work_.wait_until(patience_.next_try());
    else
      co_await attempt();
  }
  end({tally_.failed() > 0 ? kExitSomeFailed : kExitOk});
}

awaitable<void> Runner::attempt() {
  if (!defaults_.empty() && !co_await check_defaults()) co_return;
  const auto connection =
      std::make_shared<Connection>(context_.get_executor(), options_.url, options_.key);
  if (!co_await open(*connection)) co_return;
  net::co_spawn(context_, send(connection), rethrow);
  co_await receive(*connection);
  connection->close();
  work_.set();  // for `send`, which sees it then
  co_await sent_.wait();
  ledger_.restart();
}

void Runner::trouble(const std::string& what, std::optional<Patience::Duration> asked_for) {
  const double luck = std::uniform_real_distribution<>(0, 1)(random_);
  if (patience_.failed({Clock::now(), luck, asked_for})) return;
  const std::string jobs = std::to_string(ledger_.size()) +
                           (is_input_over_ ? " jobs have none" : " jobs that were read have none");
  end({kExitGaveUp, "gave up after " + std::to_string(options_.retry.count()) +
                        " s without an answer: " + jobs + "; last problem: " + what});
}

awaitable<void> Runner::show() {
  net::steady_timer timer(context_);
  for (;;) {
    draw();
    timer.expires_after(kRedraw);
    co_await timer.async_wait(kAsTuple);
  }
}

void Runner::draw() {
  screen_.draw(progress_.bar({tally_.done(), tally_.failed(), done_bytes_, before_}, Clock::now()));
}

void Runner::finish(const End& end) {
  if (end.code == kExitSignal + SIGPIPE) return;
  if (options_.show != Options::Show::nothing)
    screen_.say(text_of({tally_, ledger_.size(), before_, Clock::now() - begin_}));
  if (!end.message.empty()) screen_.say("pyexec-batch: " + end.message);
}

}  // namespace pyexec::client
