// pyexec-load: HTTP load on a loopback address. Times every request from the moment it was meant to
// be sent, so that a server which falls behind cannot hide it. Prints one line of JSON.
//
//   pyexec-load PORT open --rate R --seconds S
//       requests at random (Poisson) moments, R a second; SIGTERM ends it early
//   pyexec-load PORT closed --connections C --seconds S
//       each connection always has one request out
//   pyexec-load PORT burst --count N
//       N connections send one request each, at once
//
// The request is POST /execute with the script of --script, whose answer must be that of --answer;
// or with the whole body of --request; or, with --get, GET of a path. A kept connection that the
// server has closed is not used any more; one that it closes after that, without an answer to what
// was sent, is a failure, and nothing is sent twice.
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <boost/beast/core.hpp>
#include <csignal>
#include <deque>
#include <iostream>
#include <random>

#include "server/base/asio.h"
#include "tests/bench/load_exchange.h"
#include "tests/bench/load_tally.h"

namespace {

using namespace pyexec;
using namespace pyexec::load;
namespace beast = boost::beast;
using tcp = net::ip::tcp;
using std::chrono::steady_clock;

struct Options {
  unsigned short port = 0;
  ProbeLimits wanted;
  double rate = 0, seconds = 0;
  int connections = 1, count = 0, interval_ms = 0;
  unsigned seed = 1;
  enum class Connections { kept, fresh } reuse = Connections::kept;
};

constexpr std::size_t kMostConnections = 2048;
constexpr std::chrono::seconds kLastAnswers{30};

class Load {
 public:
  explicit Load(const Options& options)
      : options_(options), exchange_(options.wanted), random_(options.seed) {
    tally_.set_interval(std::chrono::milliseconds(options.interval_ms));
  }

  void open_loop() {
    warm(static_cast<std::size_t>(options_.connections));
    stop_.async_wait([this](beast::error_code error, int) { is_stopped_ = !error; });
    net::co_spawn(context_, arrivals(), rethrow);
    run();
  }

  void closed_loop() {
    warm(static_cast<std::size_t>(options_.connections));
    const Moment end = tally_.begin + span(options_.seconds);
    for (int i = 0; i < options_.connections; ++i) net::co_spawn(context_, repeat(end), rethrow);
    run();
  }

  void burst() {
    warm(static_cast<std::size_t>(options_.count));
    for (int i = 0; i < options_.count; ++i) start(tally_.begin);
    run();
  }

  std::string json() const { return tally_.json(); }

 private:
  struct Connection {
    explicit Connection(net::io_context& context) : socket(context) {}
    tcp::socket socket;
    beast::flat_buffer buffer;
  };
  using ConnectionPtr = std::unique_ptr<Connection>;

  static void rethrow(std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  }
  static std::chrono::nanoseconds span(double seconds) {
    return std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
  }
  tcp::endpoint server() const { return {net::ip::address_v4::loopback(), options_.port}; }

  // Connections are made before the clock starts.
  void warm(std::size_t connections) {
    for (std::size_t i = 0; i < connections; ++i) {
      auto connection = std::make_unique<Connection>(context_);
      connection->socket.connect(server());
      connection->socket.set_option(tcp::no_delay(true));
      idle_.push_back(std::move(connection));
    }
    tally_.connections = connections;
    tally_.begin = tally_.last = steady_clock::now();
  }

  void run() {
    context_.run_for(span(options_.seconds) + kLastAnswers);
    tally_.close("no answer within " + std::to_string(kLastAnswers.count()) + " s");
  }

  awaitable<void> arrivals() {
    std::exponential_distribution<double> gap(options_.rate);
    net::steady_timer timer(context_);
    const Moment end = tally_.begin + span(options_.seconds);
    for (Moment next = tally_.begin + span(gap(random_)); next < end && !is_stopped_;
         next += span(gap(random_))) {
      timer.expires_at(next);
      if (next > steady_clock::now()) co_await timer.async_wait(kAsTuple);
      const std::chrono::duration<double, std::micro> late = steady_clock::now() - next;
      tally_.lateness_us.push_back(late.count());
      start(next);
    }
    stop_.cancel();
  }

  void start(Moment intended) {
    ++tally_.offered;
    if (idle_.empty() && tally_.connections >= kMostConnections)
      waiting_.push_back(intended);
    else
      net::co_spawn(context_, serve(intended), rethrow);
  }

  // Whether the server has neither closed it nor said anything on it.
  static bool is_quiet(Connection& connection) {
    char byte;
    const auto got = ::recv(connection.socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }

  // A kept one if there is a good one, else a new one; nothing if nobody listens.
  awaitable<ConnectionPtr> take_connection() {
    while (!idle_.empty()) {
      ConnectionPtr kept = std::move(idle_.back());
      idle_.pop_back();
      if (is_quiet(*kept)) co_return kept;
      ++tally_.renewed;
      --tally_.connections;
    }
    ++tally_.connections;
    auto fresh = std::make_unique<Connection>(context_);
    const auto [error] = co_await fresh->socket.async_connect(server(), kAsTuple);
    if (error) {
      --tally_.connections;
      co_return nullptr;
    }
    fresh->socket.set_option(tcp::no_delay(true));
    co_return fresh;
  }

  awaitable<void> serve(Moment intended) {
    for (;;) {
      ConnectionPtr connection = co_await take_connection();
      if (!connection) {
        ++tally_.unreached;
      } else if (co_await send(*connection, intended) &&
                 options_.reuse == Options::Connections::kept) {
        idle_.push_back(std::move(connection));
      } else {
        --tally_.connections;
      }
      if (waiting_.empty()) co_return;
      intended = waiting_.front();
      waiting_.pop_front();
    }
  }

  awaitable<void> repeat(Moment end) {
    while (steady_clock::now() < end) {
      ++tally_.offered;
      ConnectionPtr connection = co_await take_connection();
      if (!connection) {
        ++tally_.unreached;
        co_return;
      }
      if (co_await send(*connection, steady_clock::now()))
        idle_.push_back(std::move(connection));
      else
        --tally_.connections;
    }
  }

  // False if the connection is of no further use.
  awaitable<bool> send(Connection& connection, Moment intended) {
    const auto [write_error, written] =
        co_await net::async_write(connection.socket, net::buffer(exchange_.bytes()), kAsTuple);
    http::response_parser<http::string_body> parser;
    parser.body_limit(64 << 20);
    const auto [read_error, got] =
        co_await http::async_read(connection.socket, connection.buffer, parser, kAsTuple);
    tally_.last = steady_clock::now();
    if (read_error) {
      const char* when =
          parser.got_some() ? "in the middle of the answer: " : "before the answer: ";
      ++tally_.failures[when + (write_error ? write_error : read_error).message()];
      tally_.failed(intended);
      co_return false;
    }
    judge(parser.get(), intended);
    co_return !write_error && parser.get().keep_alive();
  }

  void judge(const HttpResponse& response, Moment intended) {
    switch (exchange_.judge(response)) {
      case LoadExchange::Verdict::right:
        return tally_.answered(intended);
      case LoadExchange::Verdict::refused:
        return tally_.refused(intended, LoadExchange::reason(response));
      case LoadExchange::Verdict::wrong:
        if (tally_.wrong.empty()) std::cerr << response << std::endl;
        ++tally_.wrong[LoadExchange::reason(response)];
        tally_.failed(intended);
    }
  }

  Options options_;
  LoadExchange exchange_;
  std::mt19937_64 random_;
  net::io_context context_{1};
  net::signal_set stop_{context_, SIGTERM};  // an open loop then offers no more
  bool is_stopped_ = false;
  std::vector<ConnectionPtr> idle_;
  std::deque<Moment> waiting_;
  Tally tally_;
};

}  // namespace

int main(int argc, char** argv) try {
  Options options;
  CLI::App app("HTTP load on a loopback address; see the head of load.cc.");
  app.add_option("port", options.port)->required();
  app.add_option("--script", options.wanted.script, "file with the script to post");
  app.add_option("--request", options.wanted.request, "file with the whole body to post instead");
  app.add_option("--get", options.wanted.path, "path to GET instead");
  app.add_option("--answer", options.wanted.answer, "file with the JSON that must come back");
  app.add_option("--outcome", options.wanted.outcome, "Pyexec-Outcome that must come back");
  app.add_option("--seed", options.seed, "of the random moments");
  app.add_option("--interval-ms", options.interval_ms, "also a summary for each such interval");
  auto* open = app.add_subcommand("open");
  open->add_option("--rate", options.rate, "requests a second")->required();
  open->add_option("--seconds", options.seconds)->required();
  open->add_option("--connections", options.connections, "made before the start");
  open->add_flag_callback(
      "--fresh", [&] { options.reuse = Options::Connections::fresh; },
      "each request has a connection of its own, made when it is due");
  auto* closed = app.add_subcommand("closed");
  closed->add_option("--connections", options.connections)->required();
  closed->add_option("--seconds", options.seconds)->required();
  auto* burst = app.add_subcommand("burst");
  burst->add_option("--count", options.count)->required();
  app.require_subcommand(1);
  CLI11_PARSE(app, argc, argv);
  const ProbeLimits& wanted = options.wanted;
  if (!wanted.script.empty() + !wanted.request.empty() + !wanted.path.empty() != 1)
    throw std::runtime_error("give one of --script, --request and --get");

  Load load(options);
  if (open->parsed()) load.open_loop();
  if (closed->parsed()) load.closed_loop();
  if (burst->parsed()) load.burst();
  std::cout << load.json() << std::endl;
  return 0;
} catch (const std::exception& error) {
  std::cerr << "pyexec-load: " << error.what() << std::endl;
  return 1;
}
