#include "server/workers/isolation.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>

namespace pyexec {
namespace {

bool file_contains(const char* path, std::string_view text) {
  std::ifstream file(path);
  const std::string content((std::istreambuf_iterator<char>(file)), {});
  return content.find(text) != std::string::npos;
}

}  // namespace

std::string platform() {
  // gVisor's version text is the same in all its releases, whatever kernel release it reports.
  const bool gvisor = file_contains("/proc/version", "#1 SMP Sun Jan 10 15:06:54 PST 2016");
  if (std::getenv("K_SERVICE") != nullptr || std::getenv("CLOUD_RUN_JOB") != nullptr)
    return gvisor ? "cloud_run_gen1" : "cloud_run_gen2";
  if (gvisor) return "gvisor";
  if (std::getenv("KUBERNETES_SERVICE_HOST") != nullptr) return "kubernetes";
  std::error_code ignored;
  if (std::filesystem::exists("/.dockerenv", ignored)) return "docker";
  if (std::filesystem::exists("/run/.containerenv", ignored)) return "podman";
  return "bare";
}

}  // namespace pyexec
