// The steps of building a jail, and the fixed-size error that names the one that failed.
//
// Between fork and READY nothing may allocate, throw or format text: a failing step is sent as
// these 12 bytes over a socket and becomes text only in the server (`describe`).
#pragma once

#include <cerrno>
#include <cstdint>
#include <string>
#include <type_traits>

namespace pyexec::sandbox {

// name, what it does (used in messages to the operator)
#define PYEXEC_STEPS(X)                                                  \
  X(none, "no step failed")                                              \
  X(control, "talk to the process that builds jails")                    \
  X(uid_range, "claim a range of uids that no other service has")        \
  X(outer_userns, "give the zygote a user and pid namespace of its own") \
  X(cgroup, "hold a slot's memory and processes by a cgroup")            \
  X(private_mounts, "make a private mount namespace")                    \
  X(root_tmpfs, "mount the tmpfs that becomes the jail's root")          \
  X(root_entry, "fill the jail's root (index: row of the root table)")   \
  X(root_readonly, "make the jail's root read-only")                     \
  X(pivot_root, "pivot into the jail's root")                            \
  X(namespaces, "create user, pid, mount, net, ipc and uts namespaces")  \
  X(device_nodes, "make the jail's device nodes")                        \
  X(id_maps, "write the user namespace's uid and gid maps")              \
  X(init_identity, "give up host root in the jail's init")               \
  X(jail_root, "mount the jail's root (index: row of the root table)")   \
  X(scratch, "mount a private tmpfs (index: row of the scratch table)")  \
  X(hostname, "set the jail's host name")                                \
  X(init_seal, "drop the init's capabilities")                           \
  X(supervisor, "start the process that ends the job")                   \
  X(fork, "fork the worker")                                             \
  X(session, "start a session of its own")                               \
  X(oom_score, "ask the kernel to kill this worker first")               \
  X(join_namespaces, "join the jail's namespaces")                       \
  X(working_directory, "enter /tmp")                                     \
  X(chroot, "make the prepared directory the root")                      \
  X(descriptors, "close every descriptor that is not on the short list") \
  X(limits, "set a resource limit (index: row of the limit table)")      \
  X(capabilities, "drop every capability")                               \
  X(identity, "become the job's uid and gid")                            \
  X(dumpable, "forbid core dumps and tracing")                           \
  X(parent_death, "die with the zygote")                                 \
  X(no_new_privileges, "set no_new_privs")                               \
  X(landlock, "restrict files by Landlock (index: row of its table)")    \
  X(seccomp, "install the system call filter")                           \
  X(verify, "read a finished step back (index: which check)")            \
  X(warm_up, "run the warm-up script")

enum class Step : std::uint32_t {
#define X(name, text) name,
  PYEXEC_STEPS(X)
#undef X
};

// `error` is an errno value, or 0 if a read-back found the wrong state without a failing call.
struct [[nodiscard]] SetupError {
  Step step = Step::none;
  std::int32_t error = 0;
  std::uint32_t index = 0;

  bool failed() const { return step != Step::none; }
};
static_assert(std::is_trivially_copyable_v<SetupError> && sizeof(SetupError) == 12);

inline SetupError ok() {
  return {};
}
inline SetupError fail(Step step, int error, std::uint32_t index = 0) {
  return {step, error, index};
}
// For the common case of a libc call that returned -1.
inline SetupError check(int result, Step step, std::uint32_t index = 0) {
  return result == -1 ? fail(step, errno, index) : ok();
}

// Returns text such as "pivot_root (pivot into the jail's root): Operation not permitted".
// Allocates: not for the jail.
std::string describe(const SetupError& error);

}  // namespace pyexec::sandbox

// Returns the error of a failed step from the calling function.
#define PYEXEC_TRY(expression)                                                     \
  do {                                                                             \
    if (auto setup_error = (expression); setup_error.failed()) return setup_error; \
  } while (false)
