#include "server/app/selftest.h"

#include <rapidjson/document.h>
#include <sys/stat.h>
#include <unistd.h>

#include "selftest_source.h"  // generated: python_env/selftest/ as a string literal
#include "server/base/random.h"
#include "server/workers/isolation.h"
#include "server/workers/run_job.h"

namespace pyexec {
namespace {

constexpr std::size_t kNameBytes = 16;
constexpr std::chrono::seconds kTime{60};  // it takes about 30 ms; under gVisor, a second

// Host files that a job may find in its jail. Device and inode numbers tell whether they are
// these.
constexpr const char* kHostFiles[] = {"/usr/lib",  "/usr/bin",  "/usr/bin/env", "/dev/null",
                                      "/dev/zero", "/dev/full", "/dev/random",  "/dev/urandom"};

std::string host_files() {
  std::string text = "{";
  for (const char* path : kHostFiles) {
    struct stat state = {};
    if (::stat(path, &state) == -1) continue;
    text.append("'").append(path).append("': (").append(std::to_string(state.st_dev));
    text.append(", ").append(std::to_string(state.st_ino)).append("), ");
  }
  return text + "}";
}

}  // namespace

SelftestTargets::SelftestTargets(net::any_io_executor executor)
    : tcp_(executor, {net::ip::address_v4::loopback(), 0}),
      abstract_(executor),
      // Containers can share a network, and have the same process ids.
      name_("pyexec-selftest-" + random_hex(kNameBytes)),
      host_files_(host_files()) {
  abstract_.open();
  abstract_.bind(net::local::stream_protocol::endpoint(std::string(1, '\0') + name_));
  abstract_.listen();
}

std::string SelftestTargets::python(pid_t launcher) const {
  return "TARGET = {'server_pid': " + std::to_string(::getpid()) +
         ", 'zygote_pid': " + std::to_string(launcher) +
         ", 'tcp_port': " + std::to_string(tcp_.local_endpoint().port()) + ", 'abstract_name': '" +
         name_ + "', 'host_files': " + host_files_ + ", 'platform': '" + platform() + "'}\n";
}

SelftestVerdict judge_selftest(const std::string& answer, std::uint64_t expected) {
  SelftestVerdict verdict;
  rapidjson::Document document;
  document.Parse(answer.c_str(), answer.size());
  const bool is_whole = !document.HasParseError() && document.IsObject() &&
                        document.HasMember("attacks") && document["attacks"].IsObject();
  if (!is_whole) {
    verdict.problem = "the self-test's answer is malformed";
    return verdict;
  }
  std::string worked;
  for (const auto& attack : document["attacks"].GetObject()) {
    ++verdict.run;
    if (attack.value.IsNull()) {
      ++verdict.blocked;
      continue;
    }
    worked += std::string(worked.empty() ? "" : "; ") + attack.name.GetString();
    if (attack.value.IsString()) worked += std::string(" (") + attack.value.GetString() + ")";
  }
  if (!worked.empty())
    verdict.problem = "the self-test broke out: " + worked;
  else if (verdict.run != expected)
    verdict.problem = "the self-test made " + std::to_string(verdict.run) + " of " +
                      std::to_string(expected) + " attacks";
  return verdict;
}

awaitable<std::optional<std::string>> run_selftest(Engine& engine, Offload& offload,
                                                   Metrics& metrics, const SelftestTargets& targets,
                                                   pid_t launcher) {
  Cancellation never;
  const Deadline deadline = Clock::now() + kTime;
  auto lease = co_await engine.pool.take({Preload::basic, Rank::single}, deadline, never);
  if (!lease) co_return "the self-test got no worker";
  const Job job = {targets.python(launcher) + kSelftestSource};
  const JobCaps caps = {.result_bytes = 1 << 20, .result_depth = 8};
  JobRun what = {
      job, caps, deadline, Accounting::quick, offload, std::make_shared<JobOutput>(1 << 16)};
  const Outcome outcome = co_await run_job(*std::move(lease), std::move(what), never, metrics);
  if (outcome.kind != OutcomeKind::ok)
    co_return "the self-test did not finish: " + std::string(outcome_name(outcome.kind)) + ": " +
        outcome.error;

  auto verdict = judge_selftest(outcome.result_json, kSelftestAttacks);
  engine.isolation.selftest_run = verdict.run;
  engine.isolation.selftest_blocked = verdict.blocked;
  co_return std::move(verdict.problem);
}

}  // namespace pyexec
