// Takes an admitted job to its outcome: waits for a worker, runs the job there, reports the end.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "server/base/cancellation.h"
#include "server/base/lifecycle.h"
#include "server/base/offload.h"
#include "server/engine/admission.h"
#include "server/engine/batch_share.h"
#include "server/engine/endpoints.h"
#include "server/engine/kept_jobs.h"
#include "server/engine/sessions.h"
#include "server/engine/tool_jobs.h"
#include "server/job/job_output.h"
#include "server/job/job_request.h"
#include "server/job/outcome.h"
#include "server/telemetry/metrics.h"
#include "server/workers/isolation.h"
#include "server/workers/pool.h"

namespace pyexec {

// What a job of this request fills.
std::shared_ptr<JobOutput> output_for(const JobRequest& request, const JobCaps& caps);
// Adds to the error the limit that was reached, and the request field that sets it.
void name_limit(const JobRequest& request, Outcome& outcome);

struct EngineLimits {
  JobCaps caps;
  PoolLimits pool;
  std::uint64_t queued_jobs;  // single jobs that wait, beyond those that run
  SessionLimits sessions;
  TemplateLimits templates;
  ToolJobLimits tool_jobs;
  KeptJobLimits kept_jobs;
  std::string tools_dir;  // "": there are no endpoints
};

// On the server's thread. `launcher` and the other references must outlive it.
class Engine {
 public:
  Engine(net::any_io_executor executor, const EngineLimits& limits, LauncherClient& launcher,
         const Telemetry& telemetry, Offload& offload, const Lifecycle& lifecycle);

  // Before the first session or template, and once the first zygote is warm.
  void set_host(const Probed& probed);
  // Ends what outlives a request. To be called before the launcher ends.
  void close();

  // Returns why jobs of this service cannot do what `request` asks for, or nullopt if they can.
  std::optional<std::string> problem_with(const JobRequest& request) const;

  // Runs a job on its template, if it names one. Else waits for a worker by `rank` and runs the job
  // there. A worker that is lost before it has read the job is replaced by another. The deadline
  // counts from this call, so it includes time in the queue. Fills `output`. The outcome is `busy`
  // if no worker became free in time.
  awaitable<Outcome> run(const JobRequest& request, Rank rank, std::shared_ptr<JobOutput> output,
                         Cancellation& cancellation);

  const JobCaps caps;
  Admission admission;     // of single jobs
  BatchShare batch_share;  // of jobs of batches
  Pool pool;
  SessionMaker session_maker;  // of the jails of sessions and templates
  Templates templates;
  Sessions sessions;
  ToolJobs tool_jobs;
  KeptJobs kept_jobs;
  Endpoints endpoints;  // read after `set_host`
  Isolation isolation;  // known before the first job

 private:
  Outcome without_worker(const Cancellation& cancellation);

  const std::uint64_t most_tries_;
  Metrics& metrics_;
  Offload& offload_;
  const Lifecycle& lifecycle_;
};

}  // namespace pyexec
