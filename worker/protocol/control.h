// Messages on the control socket, between the server and the zygote: SOCK_SEQPACKET, one message
// per datagram, both ends of the same build. Each message is its type, then its struct.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <optional>
#include <span>
#include <vector>

#include "sandbox/base/layer_names.h"
#include "sandbox/base/share.h"
#include "sandbox/base/step.h"
#include "sandbox/base/tenant.h"
#include "sandbox/base/times.h"
#include "sandbox/base/verdict.h"

namespace pyexec {

// The descriptor of the control socket, in the launcher and in the zygote.
inline constexpr int kControlFd = 3;
inline constexpr std::uint32_t kProtocolVersion = 13;

enum class ControlType : std::uint32_t {
  configure = 1,
  hello,
  spawn,
  worker,
  spawn_failed,
  exited,
  probed,
  start_zygote,
  end_zygote,
  jail_lost,
  look_at_group,
  group_state
};

// Server to launcher, once, first.
struct Configure {
  static constexpr auto kType = ControlType::configure;
  std::uint32_t protocol_version;
  std::uint32_t allow_weak;   // 1: a jail that is only a system call filter is acceptable
  std::uint32_t max_level;    // of the plans that are tried
  std::uint32_t no_image;     // 1: the interpreter's memory stays as the system laid it out
  std::uint32_t fresh_jails;  // 1: no jail gets a second job
  std::uint32_t reserved;
  std::uint64_t memory_bytes;  // on top of the warm interpreter
  std::uint64_t cpu_seconds;
  std::uint64_t file_bytes;
  std::uint64_t open_files;
  std::uint64_t processes;
  std::uint64_t tmp_bytes;
  std::uint64_t tmp_inodes;
  std::uint64_t shm_bytes;
  std::uint64_t result_bytes;
  std::uint64_t error_bytes;
  std::uint64_t group_bytes;  // of a jail's processes together; 0: as `memory_bytes`
  // The same, and `processes`, of a session.
  std::uint64_t session_memory_bytes;
  std::uint64_t session_processes;
  // A directory of packages, absolute and without links, that jobs import from; "": none.
  std::array<char, 128> packages_dir;
  std::array<char, 512> preimport;  // modules, comma-separated, that the interpreter imports
};

// Launcher to server, once: how jails are made on this host, and what prevented better ones.
struct Probed {
  static constexpr auto kType = ControlType::probed;
  struct Tried {
    std::array<char, 64> plan;
    sandbox::SetupError error;
  };
  std::uint32_t protocol_version;
  std::uint32_t level;          // 0: no plan works
  std::uint32_t front_end_uid;  // for the server, if it has the right to change its own
  // A job's uid on the host is its worker's id modulo this; 0: jobs have no uids of their own.
  std::uint32_t job_uids;
  std::uint32_t landlock_abi;
  std::uint32_t has_processes;    // 1: jobs can fork and execute
  std::uint32_t has_private_tmp;  // 1: /tmp is the job's own; else it is TMPDIR, if anything
  std::uint32_t has_scratch;      // 1: there is a place to write
  std::uint32_t has_file_locks;   // 1: a job can lock its files
  std::uint32_t has_sessions;     // 1: a job's processes can begin sessions
  std::uint32_t keeps_jails;      // 1: a jail that is proven untouched gets another job
  std::uint32_t tried_count;
  std::array<Tried, 12> tried;  // in order; the last is the plan, if one works
  // A resource that this host is short of now: then the level is not known.
  sandbox::SetupError shortage;
  sandbox::LayerErrors layers;
};

// Server to launcher, with one descriptor: the zygote's end of its control socket. The launcher
// closes it if no zygote can be started.
struct StartZygote {
  static constexpr auto kType = ControlType::start_zygote;
  std::uint32_t number;    // the server's name for it
  sandbox::Tenant tenant;  // what its jails are for
};

// Server to launcher: kills that zygote and everything it has started.
struct EndZygote {
  static constexpr auto kType = ControlType::end_zygote;
  std::uint32_t number;
};

// Zygote to server, once: warm, and able to build jails.
struct Hello {
  static constexpr auto kType = ControlType::hello;
  std::uint32_t protocol_version;
  std::uint32_t level;
  std::array<char, 32> python, numpy, pandas;  // version texts, NUL-terminated
  std::uint64_t image_bytes;  // of the image that workers are forked from; 0: there is none
  std::array<char, 64> image_refused;  // the step and why, NUL-terminated; "" if there is one
};

inline const char* isolation_name(std::uint32_t level) {
  constexpr const char* kNames[] = {"none", "filtered", "confined", "namespaced", "full"};
  return level < std::size(kNames) ? kNames[level] : "unknown";
}

// The kind of script that a worker is prepared for.
enum class Preload : std::uint32_t { basic, pandas };
inline constexpr std::size_t kWarmths = 2;

// How a worker is prepared before it parks.
struct Readiness {
  Preload pages;    // it copies the pages that this kind of script writes to
  Preload scripts;  // it runs one script of this kind and of each kind before it
};
inline bool is_known(const Readiness& readiness) {
  return static_cast<std::size_t>(readiness.pages) < kWarmths &&
         static_cast<std::size_t>(readiness.scripts) < kWarmths;
}

struct Spawn {
  static constexpr auto kType = ControlType::spawn;
  std::uint32_t worker_id;
  Readiness readiness;
};

// With five descriptors: job socket, stdout, stderr, lifeline, and the init's pidfd; and, unless
// `share_file` is `none`, that file, open for writing. The worker is not ready yet: it sends READY
// itself, on the job socket.
struct WorkerSpawned {
  static constexpr auto kType = ControlType::worker;
  std::uint32_t worker_id;
  std::int32_t pid;        // on the host
  std::uint32_t made_for;  // the first worker of its jail; the job has that worker's uid
  sandbox::ShareFile share_file;
  sandbox::JailTimes jail_times;
  std::uint64_t fork_ns;
};
inline constexpr std::size_t kWorkerFds = 5, kMostWorkerFds = 6;
inline std::size_t worker_fds(sandbox::ShareFile file) {
  return file == sandbox::ShareFile::none ? kWorkerFds : kMostWorkerFds;
}

// Sent before HELLO, with worker_id kNoWorker, by a zygote that cannot build jails at all.
struct SpawnFailed {
  static constexpr auto kType = ControlType::spawn_failed;
  std::uint32_t worker_id;
  sandbox::SetupError error;
};
inline constexpr std::uint32_t kNoWorker = 0xffffffff;

// A worker is gone and reaped.
struct WorkerExited {
  static constexpr auto kType = ControlType::exited;
  std::uint32_t worker_id;
  std::int32_t wait_status;     // from waitpid(2)
  std::uint32_t out_of_memory;  // 1: the kernel killed a process of the job for lack of memory
  std::uint32_t reserved;
  sandbox::Usage usage;  // from its fork on
};

// A jail that might have been kept is thrown away after this worker's job.
struct JailLost {
  static constexpr auto kType = ControlType::jail_lost;
  std::uint32_t worker_id;
  sandbox::Verdict why;  // never `untouched`
};

// Server to zygote. Answered by GroupState.
struct LookAtGroup {
  static constexpr auto kType = ControlType::look_at_group;
  std::uint32_t worker_id;
};

// The control group that a worker lives in. All zero if there is none.
struct GroupState {
  static constexpr auto kType = ControlType::group_state;
  std::uint32_t worker_id;
  std::uint32_t reserved;
  std::uint64_t memory_bytes;  // in use, by all that is in it
  std::uint64_t memory_kills;  // processes that the kernel has killed in it for lack of memory
};

template <typename Message>
std::vector<std::byte> encode_control(const Message& message) {
  static_assert(std::is_trivially_copyable_v<Message>);
  std::vector<std::byte> out(sizeof(ControlType) + sizeof message);
  const auto type = Message::kType;
  std::memcpy(out.data(), &type, sizeof type);
  std::memcpy(out.data() + sizeof type, &message, sizeof message);
  return out;
}

inline std::optional<ControlType> control_type(std::span<const std::byte> bytes) {
  ControlType type;
  if (bytes.size() < sizeof type) return std::nullopt;
  std::memcpy(&type, bytes.data(), sizeof type);
  return type;
}

// Returns nullopt unless the type and the size are exactly those of this message.
template <typename Message>
std::optional<Message> decode_control(std::span<const std::byte> bytes) {
  if (control_type(bytes) != Message::kType) return std::nullopt;
  Message message;
  if (bytes.size() != sizeof(ControlType) + sizeof message) return std::nullopt;
  std::memcpy(&message, bytes.data() + sizeof(ControlType), sizeof message);
  return message;
}

}  // namespace pyexec
