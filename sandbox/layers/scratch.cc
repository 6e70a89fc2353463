#include "sandbox/layers/scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "sandbox/base/unique_fd.h"

namespace pyexec::sandbox {
namespace {

using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

Directory open_directory(int parent, const char* name) {
  const int fd = ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR* directory = fd == -1 ? nullptr : ::fdopendir(fd);
  if (directory == nullptr && fd != -1) ::close(fd);
  return {directory, &::closedir};
}

bool is_dots(const char* name) {
  return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0;
}

bool remove_entry(int parent, const char* name) {
  return ::unlinkat(parent, name, 0) == 0 || ::unlinkat(parent, name, AT_REMOVEDIR) == 0;
}

// Removes as much of `name` as it can. Moves directories that are not empty up to `top`, so that
// depth needs no stack.
void remove_or_lift(int top, const char* name, unsigned& lifted) {
  ::fchmodat(top, name, 0700, 0);  // the job may have taken its own rights away
  const Directory inner = open_directory(top, name);
  if (!inner) return;
  while (const dirent* entry = ::readdir(inner.get())) {
    if (is_dots(entry->d_name) || remove_entry(::dirfd(inner.get()), entry->d_name)) continue;
    char fresh[32];
    std::snprintf(fresh, sizeof fresh, ".lifted-%u", lifted++);
    ::renameat(::dirfd(inner.get()), entry->d_name, top, fresh);
  }
  ::unlinkat(top, name, AT_REMOVEDIR);
}

struct Usage {
  std::uint64_t bytes = 0, entries = 0;
  bool too_deep = false;
};

void add_usage(int parent, const char* name, int levels_left, Usage& usage) {
  if (levels_left == 0) {
    usage.too_deep = true;
    return;
  }
  const Directory directory = open_directory(parent, name);
  if (!directory) {
    usage.too_deep |= errno == EACCES;  // the job has the supervisor's uid and took the right away
    return;
  }
  while (const dirent* entry = ::readdir(directory.get())) {
    if (is_dots(entry->d_name)) continue;
    struct stat state;
    if (::fstatat(::dirfd(directory.get()), entry->d_name, &state, AT_SYMLINK_NOFOLLOW) == -1)
      continue;
    ++usage.entries;
    usage.bytes += static_cast<std::uint64_t>(state.st_blocks) * 512;
    if (S_ISDIR(state.st_mode))
      add_usage(::dirfd(directory.get()), entry->d_name, levels_left - 1, usage);
  }
}

}  // namespace

void make_scratch_base(Plan& plan) {
  plan.scratch = {};
  struct statfs state = {};
  if (::statfs("/dev/shm", &state) == -1 || state.f_type != TMPFS_MAGIC || state.f_blocks == 0)
    return;
  char path[] = "/dev/shm/pyexec-XXXXXX";
  static_assert(sizeof path <= sizeof plan.scratch);
  if (::mkdtemp(path) == nullptr) return;
  ::chmod(path, 0711);                                  // jobs pass through; they cannot list it
  if (plan.users == Users::shared && ::geteuid() == 0)  // see `enter_nest`
    if (::chown(path, plan.front_end_uid(), plan.front_end_uid()) == -1) errno = 0;
  std::memcpy(plan.scratch.data(), path, sizeof path);
}

bool remove_tree(const char* path) {
  unsigned lifted = 0;
  constexpr int kRounds = 1 << 16;  // each lifts what is left by at least one level
  for (int round = 0; round < kRounds; ++round) {
    const Directory top = open_directory(AT_FDCWD, path);
    if (!top) return errno == ENOENT;
    bool empty = true;
    while (const dirent* entry = ::readdir(top.get())) {
      if (is_dots(entry->d_name) || remove_entry(::dirfd(top.get()), entry->d_name)) continue;
      empty = false;
      remove_or_lift(::dirfd(top.get()), entry->d_name, lifted);
    }
    if (empty && ::rmdir(path) == 0) return true;
    if (empty && errno == ENOENT) return true;
  }
  return false;
}

bool outgrew(const char* path, const Limits& limits) {
  constexpr int kLevels = 48;
  Usage usage;
  add_usage(AT_FDCWD, path, kLevels, usage);
  return usage.too_deep || usage.bytes > limits.tmp_bytes || usage.entries > limits.tmp_inodes;
}

}  // namespace pyexec::sandbox
