// The names of the layers that a host may or may not allow.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace pyexec::sandbox {

// name, what it gives
#define PYEXEC_LAYERS(X)                                      \
  X(user_namespace, "users that are nobody outside")          \
  X(pid_namespace, "other processes out of sight")            \
  X(mount_namespace, "a file system tree of one's own")       \
  X(network_namespace, "no network but one's own")            \
  X(ipc_namespace, "no shared memory with others")            \
  X(uts_namespace, "a host name of one's own")                \
  X(join_by_pidfd, "setns with a pidfd")                      \
  X(mount_tmpfs, "a tmpfs in a mount namespace of one's own") \
  X(pivot_root, "another root for a mount namespace")         \
  X(other_uid, "a uid that is not the service's")             \
  X(chroot, "a prepared directory as the root")               \
  X(no_new_privs, "no gain of rights by executing a file")    \
  X(seccomp, "a system call filter")                          \
  X(landlock, "rules for files, of one's own making")         \
  X(memory_cgroup, "a bound on a job's memory")               \
  X(pids_cgroup, "a bound on a job's processes")

enum class Layer : std::uint32_t {
#define X(name, text) name,
  PYEXEC_LAYERS(X)
#undef X
      count
};
inline constexpr auto kLayerCount = static_cast<std::size_t>(Layer::count);

struct LayerText {
  const char* name;
  const char* what;
};
inline constexpr std::array<LayerText, kLayerCount> kLayerTexts = {{
#define X(name, text) {#name, text},
    PYEXEC_LAYERS(X)
#undef X
}};

// For each layer: 0 if it works here, else the errno that stopped it.
using LayerErrors = std::array<std::int32_t, kLayerCount>;

}  // namespace pyexec::sandbox
