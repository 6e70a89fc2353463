#include "server/workers/account.h"

#include <sys/wait.h>

namespace pyexec {

void account(const WorkerHandle& worker, std::optional<int> own_death, JobUsage& usage) {
  if (own_death && WIFEXITED(*own_death)) usage.exit_code = WEXITSTATUS(*own_death);
  if (own_death && WIFSIGNALED(*own_death)) usage.signal = WTERMSIG(*own_death);
  const auto& used = worker.used();
  if (!used) return;
  usage.cpu_ns = sandbox::added(worker.when_ready().cpu_ns, used->cpu_ns);
  if (used->peak_rss_bytes > 0 && worker.when_ready().peak_rss_bytes > 0)
    usage.peak_memory_bytes =
        sandbox::added(worker.when_ready().peak_rss_bytes, used->peak_rss_bytes);
}

}  // namespace pyexec
