// pyexec-load: HTTP load on a loopback address. Times every request from the moment it was meant to
// be sent, so that a server which falls behind cannot hide it. Prints one line of JSON.
//
//   pyexec-load PORT open --rate R --seconds S     requests at random (Poisson) moments, R a second
//   pyexec-load PORT closed --connections C --seconds S   each connection always has one request
//   out pyexec-load PORT burst --count N                      N connections send one request each,
//   at once
//
// The request is POST /execute with the script of --script, whose answer must be that of --answer;
// or, with --get, GET of a path.
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cmath>
#include <deque>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>

#include "server/asio.h"

namespace {

using namespace pyexec;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = net::ip::tcp;
using Moment = std::chrono::steady_clock::time_point;
using std::chrono::steady_clock;

struct Options {
  unsigned short port = 0;
  std::string script, answer, path;
  double rate = 0, seconds = 0;
  int connections = 1, count = 0;
  unsigned seed = 1;
};

constexpr std::size_t kMostConnections = 2048;
constexpr std::chrono::seconds kLastAnswers{30};

std::string read_file(const std::string& name) {
  std::ifstream file(name, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) throw std::runtime_error("cannot read " + name);
  return text.str();
}

// The request as bytes, and what its answer must be.
class Exchange {
 public:
  explicit Exchange(const Options& options) : has_answer_(!options.answer.empty()) {
    http::request<http::string_body> request(http::verb::get, options.path, 11);
    request.set(http::field::host, "bench");
    if (options.path.empty()) {
      rapidjson::StringBuffer body;
      rapidjson::Writer writer(body);
      const std::string script = read_file(options.script);
      writer.StartObject();
      writer.Key("script");
      writer.String(script.data(), static_cast<rapidjson::SizeType>(script.size()));
      writer.EndObject();
      request.method(http::verb::post);
      request.target("/execute");
      request.set(http::field::content_type, "application/json");
      request.body() = body.GetString();
      request.prepare_payload();
    }
    std::ostringstream text;
    text << request;
    bytes_ = text.str();
    if (has_answer_) answer_.Parse(read_file(options.answer).c_str());
    if (answer_.HasParseError()) throw std::runtime_error("the answer is not JSON");
  }

  const std::string& bytes() const { return bytes_; }
  bool is_right(const http::response<http::string_body>& response) const {
    if (response.result() != http::status::ok) return false;
    if (!has_answer_) return true;
    rapidjson::Document found;
    found.Parse(response.body().c_str());
    return !found.HasParseError() && found == answer_;
  }

 private:
  std::string bytes_;
  bool has_answer_;
  rapidjson::Document answer_;
};

class Load {
 public:
  explicit Load(const Options& options)
      : options_(options), exchange_(options), random_(options.seed) {}

  void open_loop() {
    warm(static_cast<std::size_t>(options_.connections));
    net::co_spawn(context_, arrivals(), rethrow);
    run();
  }

  void closed_loop() {
    warm(static_cast<std::size_t>(options_.connections));
    const Moment end = begin_ + span(options_.seconds);
    for (int i = 0; i < options_.connections; ++i) net::co_spawn(context_, repeat(end), rethrow);
    run();
  }

  void burst() {
    warm(static_cast<std::size_t>(options_.count));
    for (int i = 0; i < options_.count; ++i) start(begin_);
    run();
  }

  void print() const {
    rapidjson::StringBuffer text;
    rapidjson::Writer writer(text);
    const auto number = [&](const char* name, double value) {
      writer.Key(name);
      writer.Double(value);
    };
    const auto count = [&](const char* name, std::size_t value) {
      writer.Key(name);
      writer.Uint64(value);
    };
    rusage own = {};
    ::getrusage(RUSAGE_SELF, &own);
    writer.StartObject();
    count("offered", offered_);
    count("ok", latencies_.size());
    count("refused", refused_);
    count("wrong", wrong_);
    count("failed", failed_);
    count("connections", connections_);
    number("seconds", std::chrono::duration<double>(last_ - begin_).count());
    number("own_cpu_s", static_cast<double>(own.ru_utime.tv_sec + own.ru_stime.tv_sec) +
                            static_cast<double>(own.ru_utime.tv_usec + own.ru_stime.tv_usec) / 1e6);
    summary(writer, "latency_us", latencies_);
    summary(writer, "late_us", lateness_);  // the generator's own
    writer.EndObject();
    std::cout << text.GetString() << std::endl;
  }

 private:
  struct Connection {
    explicit Connection(net::io_context& context) : socket(context) {}
    tcp::socket socket;
    beast::flat_buffer buffer;
  };

  static void rethrow(std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  }
  static std::chrono::nanoseconds span(double seconds) {
    return std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
  }

  // Nearest rank over all samples; nothing is left out.
  static void summary(auto& writer, const char* name, std::vector<double> values) {
    std::sort(values.begin(), values.end());
    writer.Key(name);
    writer.StartObject();
    for (const auto& [key, share] :
         {std::pair{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1.0}}) {
      if (values.empty()) break;
      const auto rank =
          static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
      writer.Key(key);
      writer.Double(values[std::max<std::size_t>(rank, 1) - 1]);
    }
    writer.EndObject();
  }

  // Connections are made before the clock starts.
  void warm(std::size_t connections) {
    for (std::size_t i = 0; i < connections; ++i) {
      auto connection = std::make_unique<Connection>(context_);
      connection->socket.connect({net::ip::address_v4::loopback(), options_.port});
      connection->socket.set_option(tcp::no_delay(true));
      idle_.push_back(std::move(connection));
    }
    connections_ = connections;
    begin_ = last_ = steady_clock::now();
  }

  void run() {
    context_.run_for(span(options_.seconds) + kLastAnswers);
    if (!context_.stopped()) throw std::runtime_error("answers are missing after 30 s");
  }

  awaitable<void> arrivals() {
    std::exponential_distribution<double> gap(options_.rate);
    net::steady_timer timer(context_);
    const Moment end = begin_ + span(options_.seconds);
    for (Moment next = begin_ + span(gap(random_)); next < end; next += span(gap(random_))) {
      timer.expires_at(next);
      if (next > steady_clock::now()) co_await timer.async_wait(kAsTuple);
      lateness_.push_back(microseconds_since(next));
      start(next);
    }
  }

  static double microseconds_since(Moment then) {
    return std::chrono::duration<double, std::micro>(steady_clock::now() - then).count();
  }

  void start(Moment intended) {
    ++offered_;
    if (idle_.empty() && connections_ >= kMostConnections)
      waiting_.push_back(intended);
    else
      net::co_spawn(context_, serve(intended), rethrow);
  }

  awaitable<void> serve(Moment intended) {
    std::unique_ptr<Connection> connection;
    if (!idle_.empty()) {
      connection = std::move(idle_.back());
      idle_.pop_back();
    } else {
      ++connections_;
      connection = std::make_unique<Connection>(context_);
      co_await connection->socket.async_connect({net::ip::address_v4::loopback(), options_.port},
                                                net::use_awaitable);
      connection->socket.set_option(tcp::no_delay(true));
    }
    for (;;) {
      if (!co_await send(*connection, intended)) {
        --connections_;
        co_return;
      }
      if (waiting_.empty()) break;
      intended = waiting_.front();
      waiting_.pop_front();
    }
    idle_.push_back(std::move(connection));
  }

  awaitable<void> repeat(Moment end) {
    std::unique_ptr<Connection> connection = std::move(idle_.back());
    idle_.pop_back();
    while (steady_clock::now() < end) {
      ++offered_;
      if (!co_await send(*connection, steady_clock::now())) co_return;
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
    last_ = steady_clock::now();
    if (write_error || read_error) {
      ++failed_;
      co_return false;
    }
    const auto& response = parser.get();
    if (exchange_.is_right(response))
      latencies_.push_back(microseconds_since(intended));
    else if (response.result_int() == 429 || response.result_int() == 503)
      ++refused_;
    else if (++wrong_ == 1)
      std::cerr << response << std::endl;
    co_return response.keep_alive();
  }

  Options options_;
  Exchange exchange_;
  std::mt19937_64 random_;
  net::io_context context_{1};
  std::vector<std::unique_ptr<Connection>> idle_;
  std::deque<Moment> waiting_;
  Moment begin_, last_;
  std::vector<double> latencies_, lateness_;
  std::size_t offered_ = 0, refused_ = 0, wrong_ = 0, failed_ = 0, connections_ = 0;
};

}  // namespace

int main(int argc, char** argv) try {
  Options options;
  CLI::App app("HTTP load on a loopback address; see the head of load.cc.");
  app.add_option("port", options.port)->required();
  app.add_option("--script", options.script, "file with the script to post");
  app.add_option("--answer", options.answer, "file with the JSON that must come back");
  app.add_option("--get", options.path, "path to GET instead");
  app.add_option("--seed", options.seed, "of the random moments");
  auto* open = app.add_subcommand("open");
  open->add_option("--rate", options.rate, "requests a second")->required();
  open->add_option("--seconds", options.seconds)->required();
  open->add_option("--connections", options.connections, "made before the start");
  auto* closed = app.add_subcommand("closed");
  closed->add_option("--connections", options.connections)->required();
  closed->add_option("--seconds", options.seconds)->required();
  auto* burst = app.add_subcommand("burst");
  burst->add_option("--count", options.count)->required();
  app.require_subcommand(1);
  CLI11_PARSE(app, argc, argv);
  if (options.script.empty() == options.path.empty())
    throw std::runtime_error("give --script or --get");

  Load load(options);
  if (open->parsed()) load.open_loop();
  if (closed->parsed()) load.closed_loop();
  if (burst->parsed()) load.burst();
  load.print();
  return 0;
} catch (const std::exception& error) {
  std::cerr << "pyexec-load: " << error.what() << std::endl;
  return 1;
}
