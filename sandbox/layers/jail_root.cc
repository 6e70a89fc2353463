// Runs as pid 1 of a jail.
#include "sandbox/layers/jail_root.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "sandbox/base/sys.h"
#include "sandbox/layers/root_table.h"

namespace pyexec::sandbox {
namespace {

constexpr long kOverlayMagic = 0x794c7630;  // in Debian 12's <linux/magic.h>, not in g++ 12's
constexpr unsigned long kReadOnly = MS_RDONLY | MS_NOSUID | MS_NODEV;

struct Path {
  char text[160];
};

Path join(const char* first, const char* second) {
  Path path;
  const int size = std::snprintf(path.text, sizeof path.text, "%s%s", first, second);
  if (size < 0 || size >= static_cast<int>(sizeof path.text)) path.text[0] = '\0';  // no such file
  return path;
}

Path source_of(std::uint32_t row) {
  Path path;
  std::snprintf(path.text, sizeof path.text, "%s%u", kSources, row);
  return path;
}

bool is_on_one_file_system(const char* one, const char* other) {
  struct stat here = {}, there = {};
  return ::stat(one, &here) == 0 && ::stat(other, &there) == 0 && here.st_dev == there.st_dev;
}

bool has_number_of(const char* lower, const char* overlay) {
  struct stat below = {}, here = {};
  return ::stat(lower, &below) == 0 && ::stat(overlay, &here) == 0 && here.st_ino == below.st_ino;
}

// An overlay of one file system has its directories' numbers. One of two counts them as they are
// looked at, which would tell the next job how many the last one looked at.
SetupError add_overlay(const char* lower, const char* target, Reuse reuse, std::uint32_t row) {
  const char* empty = is_on_one_file_system(lower, kTreeEmpty) ? kTreeEmpty : kEmptyRoot;
  char options[256];
  std::snprintf(options, sizeof options, "lowerdir=%s:%s", lower, empty);
  PYEXEC_TRY(
      check(::mount("pyexec-root", target, "overlay", kReadOnly, options), Step::jail_root, row));
  if (reuse == Reuse::never) return ok();
  const bool is_fixed = is_on_one_file_system(lower, empty) && has_number_of(lower, target);
  return is_fixed ? ok() : fail(Step::jail_root, 0, kUnfixedNumbers);
}

// Removing a missing file must fail with ENOENT, which a read-only mount does not do
// (root_table.cc); an overlay without an upper directory is such a mount. The job does not own
// this mount.
int mount_guarded(const char* target) {
  return ::mount("pyexec-etc", target, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME,
                 "mode=0755,size=4k,nr_inodes=32");
}

int link_guarded(const char* name, const char* target) {
  // Links only the entries of the directory itself; anything deeper is reached through them.
  if (std::strchr(name + 1, '/') != nullptr) return 0;
  return ::symlink(join("..", join(kGuardedFiles, name).text).text, target);
}

SetupError make_entry(const RootEntry& entry, std::uint32_t row, Reuse reuse) {
  constexpr std::size_t tree_size = std::char_traits<char>::length(kTree);
  const Path target = join(kJailRoot, entry.path);
  if (const char* name = guarded_name(entry)) {
    const bool is_there =
        ::access(join(kLowerRoot, join(kGuardedFiles, name).text).text, F_OK) == 0;
    return is_there ? check(link_guarded(name, target.text), Step::jail_root, row) : ok();
  }
  switch (entry.kind) {
    case Entry::guarded:
      return check(mount_guarded(target.text), Step::jail_root, row);
    case Entry::bind: {
      const Path source = source_of(row), shown = join(kTreeOverlay, entry.path + tree_size);
      if (::access(source.text, F_OK) == 0)
        return add_overlay(source.text, target.text, reuse, row);
      if (::access(target.text, F_OK) == -1 && entry.presence == Presence::if_on_host) return ok();
      return check(::mount(shown.text, target.text, nullptr, MS_BIND, nullptr), Step::jail_root,
                   row);
    }
    case Entry::device: {
      const Path node = join(kJailNodes, std::strrchr(entry.path, '/'));
      return check(::mount(node.text, target.text, nullptr, MS_BIND, nullptr), Step::jail_root,
                   row);
    }
    case Entry::directory:
    case Entry::copied_file:
    case Entry::copied_links:
    case Entry::link:
      return ok();  // they are in the overlay of "/"
  }
  return fail(Step::jail_root, EINVAL, row);
}

// Any remount drops what is cached of the file system's names and is not in use
// (reconfigure_super).
SetupError forget_names_of(const char* overlay, std::uint32_t row) {
  return check(::mount("pyexec-root", overlay, nullptr, MS_REMOUNT | kReadOnly, nullptr),
               Step::jail_root, 500 + row);
}

// Verifies the file system type and the mount flags of every row that a job could write to or
// lock.
SetupError verify_entry(const RootEntry& entry, std::uint32_t row) {
  const bool is_device = entry.kind == Entry::device;
  if (entry.kind != Entry::bind && !is_device) return ok();
  struct statfs state = {};
  if (::statfs(entry.path, &state) == -1)
    return errno == ENOENT && entry.presence == Presence::if_on_host
               ? ok()
               : fail(Step::jail_root, errno, 200 + row);
  const bool is_read_only = (state.f_flags & ST_RDONLY) && (state.f_flags & ST_NOSUID);
  const bool is_own = is_device || state.f_type == kOverlayMagic;
  return is_read_only && is_own ? ok() : fail(Step::jail_root, 0, 200 + row);
}

SetupError verify_root() {
  struct statfs root = {};
  PYEXEC_TRY(check(::statfs("/", &root), Step::jail_root, 300));
  if (root.f_type != kOverlayMagic || (root.f_flags & ST_RDONLY) == 0 ||
      (root.f_flags & ST_NOSUID) == 0)
    return fail(Step::jail_root, 0, 300);
  // ".." of "/" leads to a root that is still stacked on this one.
  struct stat here = {}, above = {};
  PYEXEC_TRY(check(::stat("/", &here), Step::jail_root, 301));
  PYEXEC_TRY(check(::stat("/..", &above), Step::jail_root, 301));
  if (here.st_dev != above.st_dev || here.st_ino != above.st_ino)
    return fail(Step::jail_root, 0, 301);
  for (const char* path :
       {kLowerRoot, kTreeSource, kTreeOverlay, kJailNodes, "/proc", "/etc/passwd"})
    if (::access(path, F_OK) != -1) return fail(Step::jail_root, 0, 302);
  return ok();
}

template <typename Act>
SetupError each_row(const RootRows& table, Act act) {
  const auto rows = table.all();
  for (std::uint32_t i = 0; i < rows.size(); ++i) PYEXEC_TRY(act(rows[i], i));
  return ok();
}

}  // namespace

SetupError forget_names(const Plan& plan) {
  const RootRows table(plan);
  PYEXEC_TRY(forget_names_of("/", 100));
  dev_t tree = 0;  // the overlay of the first row that is bound
  PYEXEC_TRY(each_row(table, [&](const RootEntry& entry, std::uint32_t row) {
    struct stat state = {};
    if (entry.kind != Entry::bind) return ok();
    if (::stat(entry.path, &state) == -1)
      return errno == ENOENT && entry.presence == Presence::if_on_host
                 ? ok()
                 : fail(Step::jail_root, errno, 500 + row);
    if (state.st_dev == tree) return ok();
    if (tree == 0) tree = state.st_dev;
    return forget_names_of(entry.path, row);
  }));
  return each_row(table, verify_entry);
}

SetupError enter_jail_root(const Plan& plan) {
  const RootRows table(plan);
  const Reuse reuse = plan.reuse;
  PYEXEC_TRY(add_overlay(kLowerRoot, kJailRoot, reuse, 100));
  PYEXEC_TRY(add_overlay(kTreeSource, kTreeOverlay, reuse, 105));
  PYEXEC_TRY(each_row(table, [&](const RootEntry& entry, std::uint32_t row) {
    return make_entry(entry, row, reuse);
  }));
  PYEXEC_TRY(check(::chdir(kJailRoot), Step::jail_root, 101));
  // Detaches the old root as in root_image.cc.
  PYEXEC_TRY(check(sys::pivot_root(".", "."), Step::jail_root, 102));
  PYEXEC_TRY(check(::umount2(".", MNT_DETACH), Step::jail_root, 103));
  PYEXEC_TRY(check(::chdir("/"), Step::jail_root, 104));
  PYEXEC_TRY(each_row(table, verify_entry));
  return verify_root();
}

}  // namespace pyexec::sandbox
