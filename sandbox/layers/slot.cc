// Runs in slot processes, and in short-lived children of the launcher.
#include "sandbox/layers/slot.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "sandbox/base/sys.h"
#include "sandbox/layers/group_files.h"

namespace pyexec::sandbox {

namespace {

std::string directory_of(const SlotName& slot) {
  char name[40];
  std::snprintf(name, sizeof name, "/%s%u-%u", kSlots, slot.generation, slot.index);
  return name;
}

}  // namespace

SlotState look_at(const Plan& plan, const SlotName& slot) {
  const std::string memory = plan.cgroup_memory.data() + directory_of(slot);
  const bool is_v2 = plan.cgroup == Cgroup::v2;
  const std::string used =
      read_text(memory + (is_v2 ? "/memory.current" : "/memory.usage_in_bytes"));
  const std::string events = read_text(memory + (is_v2 ? "/memory.events" : "/memory.oom_control"));
  return {std::strtoull(used.c_str(), nullptr, 10), number_after(events, "oom_kill ")};
}

SetupError Slot::open_share(const std::string& directory, ShareFile file) {
  const std::string path = directory + (file == ShareFile::weight ? "/cpu.weight" : "/cpu.shares");
  for (const Share share : {Share::least, Share::full}) {
    const std::string text(share_text(file, share));
    PYEXEC_TRY(write_text(path, text, kProcessor));
    if (read_text(path) != text + "\n") return fail(Step::cgroup, 0, 16);
  }
  share_.reset(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  share_file_ = file;
  return check(share_.get(), Step::cgroup, 17);
}

SetupError Slot::enter(const Plan& plan, const Limits& limits, const SlotName& slot) {
  const std::string name = directory_of(slot);
  const std::string memory = plan.cgroup_memory.data() + name,
                    pids = plan.cgroup_pids.data() + name;
  const bool is_v2 = plan.cgroup == Cgroup::v2;
  // Without a CPU group, the processor is shared among sessions (plan.h).
  const std::string cpu =
      plan.cgroup_cpu[0] == '\0' ? memory : std::string(plan.cgroup_cpu.data()) + name;
  for (const std::string& directory : {memory, pids, cpu})
    if (::mkdir(directory.c_str(), 0755) == -1 && errno != EEXIST)
      return fail(Step::cgroup, errno, 3);

  const std::string bytes = std::to_string(
      (limits.group_bytes > 0 ? limits.group_bytes : limits.address_space_bytes) + kOwnBytes);
  const std::string processes = std::to_string(limits.processes + 1 + kOwnProcesses);
  PYEXEC_TRY(
      write_text(memory + (is_v2 ? "/memory.max" : "/memory.limit_in_bytes"), bytes, kMemory));
  // Absent if the kernel does no swap accounting.
  const std::string swap = memory + (is_v2 ? "/memory.swap.max" : "/memory.memsw.limit_in_bytes");
  if (::access(swap.c_str(), F_OK) == 0) PYEXEC_TRY(write_text(swap, is_v2 ? "0" : bytes, kMemory));
  PYEXEC_TRY(write_text(pids + "/pids.max", processes, kProcesses));
  PYEXEC_TRY(write_text(memory + "/cgroup.procs", "0", 4));
  if (!is_v2) PYEXEC_TRY(write_text(pids + "/cgroup.procs", "0", 5));
  if (!is_v2 && cpu != memory) PYEXEC_TRY(write_text(cpu + "/cgroup.procs", "0", 14));
  if (plan.cgroup_cpu[0] != '\0')
    PYEXEC_TRY(open_share(cpu, is_v2 ? ShareFile::weight : ShareFile::shares));

  process_count_.reset(::open((pids + "/pids.current").c_str(), O_RDONLY | O_CLOEXEC));
  memory_events_.reset(::open((memory + (is_v2 ? "/memory.events" : "/memory.oom_control")).c_str(),
                              O_RDONLY | O_CLOEXEC));
  memory_use_.reset(
      ::open((memory + (is_v2 ? "/memory.current" : "/memory.usage_in_bytes")).c_str(),
             O_RDONLY | O_CLOEXEC));
  memory_kinds_.reset(::open((memory + "/memory.stat").c_str(), O_RDONLY | O_CLOEXEC));
  if (!process_count_ || !memory_events_ || !memory_use_ || !memory_kinds_)
    return fail(Step::cgroup, errno, 6);
  return is_empty() && read_text(pids + "/pids.max") == processes + "\n" ? ok()
                                                                         : fail(Step::cgroup, 0, 7);
}

bool Slot::is_empty() const {
  return read_text(process_count_.get()) == "1\n" && is_memory_free();
}

// Memory that is charged to the slot itself, or to files that the kernel can drop, is no reason
// to wait.
bool Slot::is_memory_free() const {
  constexpr std::uint64_t kLeft = kOwnBytes / 2;
  if (memory_bytes() <= kLeft) return true;
  const MemoryKinds kinds = memory_kinds();
  return kinds.processes + kinds.shared_memory <= kLeft;
}

bool Slot::has_kernel_memory_beyond(std::uint64_t bytes) const {
  const std::uint64_t all = memory_bytes();
  if (all <= bytes) return false;
  const MemoryKinds kinds = memory_kinds();
  return all > kinds.processes + kinds.files + bytes;
}

Slot::MemoryKinds Slot::memory_kinds() const {
  const std::string text = read_text(memory_kinds_.get());
  const bool is_v2 = text.compare(0, 5, "anon ") == 0;
  return {number_after(text, is_v2 ? "anon " : "rss "),
          number_after(text, is_v2 ? "file " : "cache "), number_after(text, "shmem ")};
}

std::uint64_t Slot::memory_bytes() const {
  return std::strtoull(read_text(memory_use_.get()).c_str(), nullptr, 10);
}

std::uint64_t Slot::memory_kills() const {
  return number_after(read_text(memory_events_.get()), "oom_kill ");
}

}  // namespace pyexec::sandbox
