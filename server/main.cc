// pyexec-server: config, zygote, pool, listener, signals; in that order, and back.
#include <csignal>
#include <iostream>

#include "server/http_session.h"
#include "server/listener.h"
#include "server/log.h"
#include "server/process.h"

extern char** environ;

namespace pyexec {
namespace {

constexpr int kExitFailure = 1, kExitUsage = 2;
constexpr std::chrono::milliseconds kLastAnswers{2000}, kChildrenTime{5000};

void watch_children(net::signal_set& signals) {
  signals.async_wait([&signals](error_code error, int) {
    if (error) return;
    reap_children();
    watch_children(signals);
  });
}

std::string greeting(const Service& service, const net::ip::tcp::acceptor& acceptor) {
  const auto endpoint = acceptor.local_endpoint();
  const auto level = service.pool.zygote()->level;
  std::ostringstream out;
  out << "pyexec " PYEXEC_VERSION " listening on http://" << endpoint << ", isolation level "
      << level << " (" << isolation_name(level) << "), " << service.config.pool_workers
      << " workers ready";
  return out.str();
}

// Clients must not take the descriptors that workers need: a message whose descriptors do not fit
// costs the zygote and every job.
void limit_connections(Config& config, std::uint64_t descriptors) {
  constexpr std::uint64_t kOwn = 64;
  const std::uint64_t workers = kWorkerFds * (config.pool_workers + config.running_jobs) + kOwn;
  const std::uint64_t left = descriptors > workers ? descriptors - workers : 1;
  if (left >= config.connections) return;
  log_line("the limit of open files leaves room for " + std::to_string(left) +
           " connections, not PYEXEC_CONNECTIONS=" + std::to_string(config.connections));
  config.connections = left;
}

// Until SIGTERM or SIGINT, then in order: no new connection, accepted requests finish, jobs that
// take longer than drain_ms are ended and answered, everything is closed.
awaitable<int> serve(Service& service, Sessions& sessions) {
  const auto executor = co_await net::this_coro::executor;
  net::signal_set stop(executor, SIGTERM, SIGINT);
  net::signal_set children(executor, SIGCHLD);
  watch_children(children);

  auto acceptor = bind_listener(executor, service.config);
  if (const auto problem = co_await service.pool.start()) {
    std::cerr << "pyexec-server: cannot provide isolation level 3 (namespaced): " << *problem
              << "\n";
    co_return kExitFailure;
  }
  start_listening(acceptor);
  net::co_spawn(executor, accept_connections(acceptor, service, sessions), net::detached);
  std::cout << greeting(service, acceptor) << std::endl;

  co_await stop.async_wait(kAsTuple);
  error_code ignored;
  acceptor.close(ignored);
  sessions.drain();
  co_await sessions.wait_fewer_than(
      1, Clock::now() + std::chrono::milliseconds(service.config.drain_ms));
  for (Cancellation* job : std::set(service.jobs)) job->request();
  co_await sessions.wait_fewer_than(1, Clock::now() + kLastAnswers);
  sessions.close_all();
  co_return 0;
}

// Does not return: coroutines of jobs whose processes the kernel is still taking apart refer to
// what lives here, and nothing of it needs more of an end than the process's own.
[[noreturn]] void run(Config config) {
  limit_connections(config, raise_descriptor_limit());
  adopt_orphans();
  std::signal(SIGPIPE, SIG_IGN);
  int exit_code = kExitFailure;
  net::io_context context(1);
  Service service(context.get_executor(), config);
  Sessions sessions;
  net::co_spawn(context, serve(service, sessions), [&](std::exception_ptr exception, int code) {
    exit_code = code;
    try {
      if (exception) std::rethrow_exception(exception);
    } catch (const std::exception& error) {
      std::cerr << "pyexec-server: " << error.what() << "\n";
      exit_code = kExitFailure;
    }
    service.pool.close();
    context.stop();
  });
  context.run();
  if (!wait_for_children(kChildrenTime)) log_line("some processes had to be killed");
  std::cout.flush();
  std::_Exit(exit_code);
}

}  // namespace
}  // namespace pyexec

int main(int argc, char** argv) {
  using pyexec::ConfigResult;
  auto [next, config, message] = pyexec::read_config(argc, argv, environ);
  if (next == ConfigResult::Next::exit_ok) {
    std::cout << message;
    return 0;
  }
  if (next == ConfigResult::Next::exit_usage) {
    std::cerr << "pyexec-server: " << message;
    return pyexec::kExitUsage;
  }
  if (config.worker_path.empty()) config.worker_path = pyexec::default_worker_path();
  pyexec::run(config);
}
