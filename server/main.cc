// pyexec-server: starts config, zygote, pool, listener, signals in that order, and ends in
// reverse.
#include <csignal>
#include <iostream>
#include <optional>
#include <system_error>

#include "sandbox/front_end/confine.h"
#include "server/app/application.h"
#include "server/app/descriptors.h"
#include "server/app/drain.h"
#include "server/app/packages_dir.h"
#include "server/app/selftest.h"
#include "server/base/process.h"
#include "server/base/random.h"
#include "server/http/listener.h"
#include "server/telemetry/log.h"
#include "server/workers/isolation_document.h"

extern char** environ;

namespace pyexec {
namespace {

constexpr int kExitFailure = 1, kExitUsage = 2;
constexpr std::chrono::milliseconds kChildrenTime{5000};

void reload_keys(Application& app) {
  const auto problem = app.access.reload();
  if (problem)
    app.log.warn("the API keys stay as they were: " + *problem);
  else
    app.log.notice("the API keys have been read again");
}

awaitable<void> reload_tools(Application& app) {
  const auto problem = co_await app.engine.endpoints.load();
  if (problem)
    app.log.warn("the tools stay as they were: PYEXEC_TOOLS_DIR: " + *problem);
  else if (!app.config.tools_dir.empty())
    app.log.notice("the tools have been read again: " +
                   std::to_string(app.engine.endpoints.all().size()));
}

// One after another, as signals come.
awaitable<void> reload_on_request(Application& app, net::signal_set& signals) {
  for (;;) {
    const auto [error, number] = co_await signals.async_wait(kAsTuple);
    if (error) co_return;
    if (app.access.has_keys() || app.config.tools_dir.empty()) reload_keys(app);
    co_await reload_tools(app);
  }
}

void watch_children(net::signal_set& signals) {
  signals.async_wait([&signals](error_code error, int) {
    if (error) return;
    reap_children();
    watch_children(signals);
  });
}

LogFormat log_format(const Config& config) {
  if (config.log == "json") return LogFormat::json;
  if (config.log == "text") return LogFormat::text;
  if (config.log == "quiet") return LogFormat::quiet;
  return ::isatty(STDOUT_FILENO) == 1 ? LogFormat::text : LogFormat::json;
}

// Writes to standard output, in every log format.
void greet(const Application& app, const net::ip::tcp::acceptor& acceptor) {
  const auto endpoint = acceptor.local_endpoint();
  const auto level = app.engine.isolation.probed.level;
  std::ostringstream out;
  out << "pyexec " PYEXEC_VERSION " listening on http://" << endpoint << ", isolation level "
      << level << " (" << isolation_name(level) << "), " << app.engine.isolation.selftest_blocked
      << " of " << app.engine.isolation.selftest_run << " attacks on itself blocked, "
      << app.config.pool_workers << " workers ready"
      << (app.access.has_keys() ? ""
                                : "; no API keys: anyone who can reach the port can run scripts");
  if (app.log.format() == LogFormat::json)
    app.log.notice(out.str());
  else
    std::cout << out.str() << std::endl;
}

// Some of the cores, but never both of two: jobs need them, too.
std::size_t large_work_threads() {
  constexpr unsigned kMost = 4;
  return std::clamp(std::thread::hardware_concurrency() / 2, 1u, kMost);
}

// Longest wait for the self-test's own jail to be gone and replaced.
constexpr std::chrono::seconds kMostSettling{5};

[[noreturn]] void refuse_to_start(const std::string& why) {
  throw std::runtime_error(why);
}

// Starts everything up to a full pool of verified jails. Each step needs a right that the next
// one gives up: to bind, to start the launcher, to take any uid.
awaitable<net::ip::tcp::acceptor> start(Application& app, LauncherClient& launcher) {
  const auto executor = co_await net::this_coro::executor;
  auto acceptor =
      bind_listener(executor, {app.config.address, static_cast<std::uint16_t>(app.config.port),
                               app.config.share_port == 1});
  const SelftestTargets targets(executor);
  const auto probed = co_await launcher.probe();
  if (!probed) refuse_to_start("the launcher ended before it had looked at this host");
  if (const auto problem = shortage(*probed)) refuse_to_start(*problem);
  app.engine.isolation.probed = *probed;
  if (const auto problem = below_minimum(*probed, wanted_isolation(app.config)))
    refuse_to_start(*problem);
  if (const auto error = sandbox::confine_front_end(probed->front_end_uid); error.failed())
    refuse_to_start("the server cannot give up its rights: " + sandbox::describe(error));
  // Checked now rather than when the file is changed and SIGHUP comes.
  if (app.access.has_keys())
    if (const auto problem = app.access.reload())
      refuse_to_start("uid " + std::to_string(probed->front_end_uid) +
                      ", under which the server runs, must be able to read the file of API keys, "
                      "which holds hashes only: " +
                      *problem);
  if (const auto problem = co_await app.engine.pool.start(probed->job_uids))
    refuse_to_start("cannot provide isolation level " + std::to_string(probed->level) + " (" +
                    isolation_name(probed->level) + "): " + *problem);
  if (const auto problem =
          co_await run_selftest(app.engine, app.offload, app.metrics, targets, launcher.pid()))
    refuse_to_start(*problem);
  app.engine.set_host(*probed);
  if (const auto problem = co_await app.engine.endpoints.load())
    refuse_to_start("PYEXEC_TOOLS_DIR=" + app.config.tools_dir + ": " + *problem);
  // Who is told that the service is ready finds every worker that it was promised.
  const Deadline settled = Clock::now() + kMostSettling;
  co_await app.engine.pool.wait_idle(settled);
  co_await app.engine.pool.wait_full(settled);
  if (Clock::now() >= settled)
    app.log.warn("the self-test's own worker is not replaced yet: the first jobs may have to wait");
  co_return acceptor;
}

// Ends the sessions, and the jobs that wait for their callers, once nothing new is begun.
awaitable<void> end_what_waits_at_drain(Application& app) {
  Signal drains(co_await net::this_coro::executor);
  const Lifecycle::Watch watch(app.lifecycle, drains);
  while (!app.lifecycle.is_draining()) co_await drains.wait_until(Deadline::max());
  app.engine.sessions.drain();
  app.engine.tool_jobs.drain();
}

// Serves until SIGTERM or SIGINT, then drains as drain.h describes.
awaitable<int> serve(Application& app, LauncherClient& launcher, Connections& connections,
                     net::signal_set& stop) {
  const auto executor = co_await net::this_coro::executor;
  net::signal_set children(executor, SIGCHLD);
  net::signal_set reload(executor, SIGHUP);
  watch_children(children);
  net::co_spawn(executor, reload_on_request(app, reload), net::detached);

  auto acceptor = co_await start(app, launcher);
  app.log.write_in_background();
  app.offload.start(large_work_threads());
  start_listening(acceptor);
  net::co_spawn(executor, accept_connections(acceptor, app.http, connections), net::detached);
  net::co_spawn(executor, end_what_waits_at_drain(app), net::detached);
  greet(app, acceptor);

  co_await stop.async_wait(kAsTuple);
  const auto is_awaited = [&app] { return app.engine.tool_jobs.has_live(); };
  co_await drain(drain_times(app.config), app.lifecycle, app.http, connections, acceptor,
                 is_awaited);
  co_return 0;
}

awaitable<int> probe(LauncherClient& launcher, std::uint64_t max_level) {
  const auto probed = co_await launcher.probe();
  if (!probed) refuse_to_start("the launcher ended before it had looked at this host");
  if (const auto problem = shortage(*probed)) refuse_to_start(*problem);
  std::cout << probe_document(*probed, static_cast<std::uint32_t>(max_level)) << std::flush;
  co_return 0;
}

ClientPolicy client_policy(const Config& config) {
  auto cors = CorsPolicy::parse(config.cors_origins);
  if (!cors) refuse_to_start("PYEXEC_CORS_ORIGINS: " + cors.error().message);
  ClientPolicy policy = {*std::move(cors), std::nullopt};
  if (config.keys_file.empty()) return policy;
  auto keys = read_key_file(config.keys_file);
  if (!keys) refuse_to_start("PYEXEC_KEYS_FILE: " + keys.error().message);
  policy.keys = *std::move(keys);
  return policy;
}

// Prints a sentence for the person who started the server. Adds a log entry if JSON is asked for.
void tell_failure(const Config& config, Log& log, const std::exception& error) {
  std::cerr << "pyexec-server: " << error.what() << "\n";
  if (config.log == "json") log.fail(error.what());
}

// Does not return: coroutines of jobs whose processes the kernel is still tearing down refer to
// objects of this function. The end of the process is all the cleanup these need.
[[noreturn]] void run(Config config, ConfigResult::Next next) {
  const bool is_to_serve = next == ConfigResult::Next::serve;
  if (!is_to_serve) config.log = "quiet";  // a probe prints only its document
  const LogFormat format = log_format(config);
  Log log(format, format == LogFormat::json ? stdout : stderr);
  const auto descriptors = raise_descriptor_limit();
  if (is_to_serve)
    for (const auto& told : share_out_descriptors(config, descriptors)) log.warn(told);
  adopt_orphans();
  shorten_time_slices();
  std::signal(SIGPIPE, SIG_IGN);
  random_hex(1);  // OpenSSL reads its files now: later this process may not open any
  int exit_code = kExitFailure;
  net::io_context context(1);
  std::optional<LauncherClient> started;
  std::optional<ClientPolicy> policy;
  // Kept until the very end: a second signal must not cut short the shutdown that the first
  // began.
  std::optional<net::signal_set> stop;
  try {
    policy = client_policy(config);
    if (const auto problem = settle_packages(config)) refuse_to_start(*problem);
    started.emplace(context.get_executor(), config.worker_path, worker_configuration(config), log);
    stop.emplace(context);
    if (is_to_serve)
      for (const int signal : {SIGTERM, SIGINT}) stop->add(signal);
  } catch (const std::exception& error) {
    tell_failure(config, log, error);
    std::_Exit(kExitFailure);
  }
  LauncherClient& launcher = *started;
  Application app({context.get_executor(), launcher, log}, config, *std::move(policy));
  Connections connections;
  auto life = is_to_serve ? serve(app, launcher, connections, *stop)
                          : probe(launcher, app.config.max_level);
  net::co_spawn(context, std::move(life), [&](std::exception_ptr exception, int code) {
    exit_code = code;
    try {
      if (exception) std::rethrow_exception(exception);
    } catch (const std::exception& error) {
      tell_failure(config, log, error);
      exit_code = kExitFailure;
    }
    app.engine.close();
    launcher.close();
    context.stop();
  });
  context.run();
  if (!wait_for_children(kChildrenTime)) log.warn("some processes had to be killed");
  log.close();
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
  pyexec::run(config, next);
}
