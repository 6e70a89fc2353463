#include "server/app/drain.h"

#include "server/http/listener.h"

namespace pyexec {
namespace {

// A proxy that keeps connections open may have just sent a request on an idle one. Under load
// each connection is used within this time, and its answer tells the proxy to close it.
constexpr std::chrono::milliseconds kIdleGrace{500};
constexpr std::chrono::milliseconds kLastAnswers{1000};

awaitable<void> pause(std::chrono::milliseconds time) {
  net::steady_timer timer(co_await net::this_coro::executor, time);
  co_await timer.async_wait(kAsTuple);
}

}  // namespace

awaitable<void> drain(const DrainTimes& times, Lifecycle& lifecycle, HttpServer& server,
                      Connections& connections, net::ip::tcp::acceptor& acceptor,
                      std::function<bool()> is_awaited) {
  using State = Lifecycle::State;
  lifecycle.advance(State::leaving);
  connections.keep_none();
  co_await pause(times.lame_duck);

  lifecycle.advance(State::draining);
  const Deadline end = Clock::now() + times.drain;
  while (!accept_all(acceptor, server, connections) && Clock::now() < end) {
    co_await connections.wait_fewer_than(server.limits.connections, Clock::now() + kIdleGrace);
    if (connections.open() < server.limits.connections) continue;
    connections.end_idle();
  }
  error_code ignored;
  connections.let_in_late();
  if (!is_awaited()) acceptor.close(ignored);

  co_await connections.wait_fewer_than(1, Clock::now() + kIdleGrace);
  connections.end_idle();
  co_await connections.wait_fewer_than(1, std::min(end, Clock::now() + kIdleGrace));
  while (connections.open() > 0 && Clock::now() < end) {
    if (!is_awaited()) acceptor.close(ignored);
    if (!acceptor.is_open()) connections.end_unbegun();
    co_await connections.wait_fewer_than(1, std::min(end, Clock::now() + kIdleGrace));
  }
  acceptor.close(ignored);
  lifecycle.advance(State::over);
  for (Cancellation* job : std::set(server.requests)) job->request(Cancellation::By::service);
  co_await connections.wait_fewer_than(1, Clock::now() + kLastAnswers);
  connections.close_all();
}

}  // namespace pyexec
