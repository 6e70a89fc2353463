#include "server/workers/account.h"

#include <sys/wait.h>

namespace pyexec {

void account(const WorkerHandle& worker, std::optional<int> own_death, JobUsage& usage) {
  if (own_death && WIFEXITED(*own_death)) usage.exit_code = WEXITSTATUS(*own_death);
  if (own_death && WIFSIGNALED(*own_death)) usage.signal = WTERMSIG(*own_death);
  const auto& used = worker.used();
  if (!used) return;
  const auto beyond = [](std::uint64_t all, std::uint64_t ready) {
    return all > ready ? all - ready : 0;
  };
  usage.cpu_ns = beyond(used->cpu_ns, worker.when_ready().cpu_ns);
  if (used->peak_rss_bytes > 0 && worker.when_ready().peak_rss_bytes > 0)
    usage.peak_memory_bytes = beyond(used->peak_rss_bytes, worker.when_ready().peak_rss_bytes);
}

}  // namespace pyexec
