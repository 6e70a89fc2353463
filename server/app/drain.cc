#include "server/app/drain.h"

#include "server/http/listener.h"

namespace pyexec {
namespace {

// A proxy that keeps connections may have sent a request on an idle one just now. Under load each
// is used within this time, and told to close by its answer.
constexpr std::chrono::milliseconds kIdleGrace{500};
constexpr std::chrono::milliseconds kLastAnswers{1000};

awaitable<void> pause(std::chrono::milliseconds time) {
  net::steady_timer timer(co_await net::this_coro::executor, time);
  co_await timer.async_wait(kAsTuple);
}

}  // namespace

awaitable<void> drain(Service& service, Sessions& sessions, net::ip::tcp::acceptor& acceptor) {
  const std::chrono::milliseconds lame_duck(service.config.lame_duck_ms);
  service.is_leaving = true;
  sessions.keep_none();
  co_await pause(lame_duck);

  service.draining = true;
  for (Signal* watcher : service.drain_watchers) watcher->set();
  const Deadline end = Clock::now() + std::chrono::milliseconds(service.config.drain_ms);
  while (!accept_all(acceptor, service, sessions) && Clock::now() < end) {
    co_await sessions.wait_fewer_than(service.config.connections, Clock::now() + kIdleGrace);
    if (sessions.open() < service.config.connections) continue;
    sessions.end_idle();
  }
  error_code ignored;
  acceptor.close(ignored);

  co_await sessions.wait_fewer_than(1, Clock::now() + kIdleGrace);
  sessions.end_idle();
  co_await sessions.wait_fewer_than(1, std::min(end, Clock::now() + kIdleGrace));
  while (sessions.open() > 0 && Clock::now() < end) {
    sessions.end_unbegun();
    co_await sessions.wait_fewer_than(1, std::min(end, Clock::now() + kIdleGrace));
  }
  service.is_over = true;
  for (Cancellation* job : std::set(service.jobs)) job->request(Cancellation::By::service);
  co_await sessions.wait_fewer_than(1, Clock::now() + kLastAnswers);
  sessions.close_all();
}

}  // namespace pyexec
