// Runs in the jailer, as host root, before any jail exists; device nodes are made for each jail.
#include "sandbox/layers/root_image.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstring>
#include <iterator>
#include <memory>
#include <string>

#include "sandbox/base/sys.h"
#include "sandbox/base/unique_fd.h"
#include "sandbox/layers/host_tree.h"
#include "sandbox/layers/root_table.h"

namespace pyexec::sandbox {
namespace {

// The new root is assembled here; only this process sees it.
constexpr const char* kStaging = "/tmp";
constexpr unsigned long kReadOnlyBind = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV;

int copy_file(const char* source, const char* target) {
  UniqueFd from(::open(source, O_RDONLY | O_CLOEXEC));
  UniqueFd to(::open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
  if (!from || !to) return -1;
  char buffer[65536];
  for (;;) {
    const ssize_t got = sys::retry([&] { return ::read(from.get(), buffer, sizeof buffer); });
    if (got <= 0) return static_cast<int>(got);
    for (ssize_t done = 0; done < got;) {
      const ssize_t put = ::write(to.get(), buffer + done, static_cast<std::size_t>(got - done));
      if (put == -1) return -1;
      done += put;
    }
  }
}

int copy_links(const char* source, const std::string& target) {
  if (::mkdir(target.c_str(), 0755) == -1) return -1;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(source), &::closedir);
  if (!directory) return -1;
  while (const dirent* entry = ::readdir(directory.get())) {
    char text[4096];
    const ssize_t size = ::readlinkat(::dirfd(directory.get()), entry->d_name, text, sizeof text);
    if (size <= 0) continue;  // not a symbolic link
    const std::string to(text, static_cast<std::size_t>(size));
    if (::symlink(to.c_str(), (target + "/" + entry->d_name).c_str()) == -1) return -1;
  }
  return 0;
}

int make_empty_file(const char* path) {
  return UniqueFd(::open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444)) ? 0 : -1;
}

// Makes the rows that both kinds of root share and that nothing is mounted on.
int make_plain(const RootEntry& entry, const std::string& target) {
  switch (entry.kind) {
    case Entry::directory:
      return ::mkdir(target.c_str(), 0755);
    case Entry::copied_file:
      return copy_file(entry.path, target.c_str());
    case Entry::copied_links:
      return copy_links(entry.path, target);
    case Entry::link:
      return ::symlink(entry.target, target.c_str());
    default:
      errno = EINVAL;
      return -1;
  }
}

// Makes the sources of a jail's own files (jail_root.h) in the staging tree.
int make_source(const RootEntry& entry, std::uint32_t row) {
  const std::string lower = std::string(kStaging) + kLowerRoot;
  const std::string target = lower + (guarded_name(entry) ? kGuardedFiles : "") +
                             (guarded_name(entry) ? guarded_name(entry) : entry.path);
  switch (entry.kind) {
    case Entry::guarded:
      return ::mkdir(target.c_str(), 0755) == -1 ? -1
                                                 : ::mkdir((lower + kGuardedFiles).c_str(), 0755);
    case Entry::bind: {
      if (::mkdir(target.c_str(), 0755) == -1) return -1;
      if (is_of_the_tree(entry.path)) return 0;
      const std::string source = kStaging + (kSources + std::to_string(row));
      if (::mkdir(source.c_str(), 0755) == -1) return -1;
      return bind(entry.path, source.c_str(), MS_RDONLY | MS_NODEV);
    }
    case Entry::device:
      return make_empty_file(target.c_str());
    default:
      return make_plain(entry, target);
  }
}

// Device nodes are made for each jail, on a file system that the jails see read-only.
SetupError prepare_sources() {
  constexpr std::uint32_t kFirst = 100;
  const std::string staging = kStaging;
  for (const char* directory : {kLowerRoot, kEmptyRoot, kTreeEmpty, kTreeSource, kTreeOverlay,
                                kSources, kNodes, kJailNodes, kJailRoot})
    PYEXEC_TRY(check(::mkdir((staging + directory).c_str(), 0755), Step::root_entry, kFirst));
  // A node lasts as long as its jail: five for each live jail.
  constexpr const char* kBound = "mode=0755,size=4k,nr_inodes=512k";
  const std::string nodes = staging + kNodes, shown = staging + kJailNodes;
  PYEXEC_TRY(check(::mount("pyexec-devices", nodes.c_str(), "tmpfs", MS_NOSUID | MS_NOEXEC, kBound),
                   Step::root_entry, kFirst + 1));
  PYEXEC_TRY(check(bind(nodes.c_str(), shown.c_str(), MS_RDONLY | MS_NOEXEC), Step::root_entry,
                   kFirst + 2));
  return prepare_tree(staging);
}

int make_entry(const Plan& plan, const RootEntry& entry) {
  const std::string target = std::string(kStaging) + entry.path;
  switch (entry.kind) {
    case Entry::guarded:
      if (::mkdir(target.c_str(), 0755) == -1) return -1;
      return ::mount("pyexec-etc", target.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                     "mode=0755,size=4m");
    case Entry::bind:
      if (::mkdir(target.c_str(), 0755) == -1) return -1;
      return bind(entry.path, target.c_str(), MS_RDONLY | MS_NODEV);
    case Entry::device:
      if (make_empty_file(target.c_str()) == -1) return -1;
      // gVisor refuses to open anything for writing on a read-only mount, devices included. The
      // node itself belongs to host root and cannot be changed anyway.
      return bind(entry.path, target.c_str(),
                  MS_NOEXEC | (plan.builder == Builder::unshare ? 0 : MS_RDONLY));
    default:
      return make_plain(entry, target);
  }
}

SetupError fill_root(const Plan& plan) {
  const bool own_files = plan.files == Files::own;
  if (own_files) PYEXEC_TRY(prepare_sources());
  const RootRows table(plan);
  const auto rows = table.all();
  for (std::uint32_t i = 0; i < rows.size(); ++i) {
    if (rows[i].presence == Presence::if_on_host && ::access(rows[i].path, R_OK) == -1) continue;
    PYEXEC_TRY(check(own_files ? make_source(rows[i], i) : make_entry(plan, rows[i]),
                     Step::root_entry, i));
  }
  return ok();
}

// Returns the kernel's number for a device of the root table, the same on every host.
dev_t device_number(const char* path) {
  struct Device {
    const char* path;
    unsigned minor;
  };
  constexpr unsigned kMemoryDevices = 1;
  constexpr Device kDevices[] = {{"/dev/null", 3},
                                 {"/dev/zero", 5},
                                 {"/dev/full", 7},
                                 {"/dev/random", 8},
                                 {"/dev/urandom", 9}};
  for (const Device& device : kDevices)
    if (std::strcmp(device.path, path) == 0) return ::makedev(kMemoryDevices, device.minor);
  return 0;
}

std::string file_name(const char* path) {
  return std::strrchr(path, '/');
}

// Returns 0 if /proc does not show it (gVisor).
ino_t own_mount_namespace() {
  struct stat state = {};
  return ::stat("/proc/self/ns/mnt", &state) == 0 ? state.st_ino : 0;
}

SetupError verify_root() {
  // Tries to write to the rows that must be read-only, and looks for files that only the old root
  // had.
  struct statvfs state = {};
  for (const char* path : {"/", "/usr/bin", "/usr/lib"}) {
    PYEXEC_TRY(check(::statvfs(path, &state), Step::verify, 1));
    if ((state.f_flag & ST_RDONLY) == 0 || (state.f_flag & ST_NOSUID) == 0)
      return fail(Step::verify, 0, 1);
  }
  // ".." of "/" leads to a root that is still stacked on this one.
  struct stat root = {}, above = {};
  PYEXEC_TRY(check(::stat("/", &root), Step::verify, 4));
  PYEXEC_TRY(check(::stat("/..", &above), Step::verify, 4));
  if (root.st_dev != above.st_dev || root.st_ino != above.st_ino) return fail(Step::verify, 0, 4);
  if (::mkdir("/pyexec-must-fail", 0700) != -1 || errno != EROFS) return fail(Step::verify, 0, 2);
  if (::access("/proc/self", F_OK) != -1 || ::access("/etc/passwd", F_OK) != -1)
    return fail(Step::verify, 0, 3);
  return ok();
}

}  // namespace

SetupError enter_root_image(const Plan& plan) {
  ::umask(0022);
  const ino_t before = own_mount_namespace();
  PYEXEC_TRY(check(::unshare(CLONE_NEWNS), Step::private_mounts));
  if (before != 0 && own_mount_namespace() == before) return fail(Step::private_mounts, 0);
  PYEXEC_TRY(
      check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), Step::private_mounts, 1));
  const char* const bound =
      plan.builder == Builder::unshare ? "mode=0755,size=8m" : "mode=0755,size=8m,nr_inodes=4k";
  PYEXEC_TRY(check(::mount("pyexec-root", kStaging, "tmpfs", MS_NOSUID | MS_NODEV, bound),
                   Step::root_tmpfs));
  PYEXEC_TRY(fill_root(plan));
  if (plan.users == Users::one_mapped && plan.landlock_abi == 0)
    PYEXEC_TRY(check(::mount(nullptr, "/tmp/etc", nullptr, kReadOnlyBind, nullptr),
                     Step::root_readonly, 1));
  PYEXEC_TRY(
      check(::mount(nullptr, kStaging, nullptr, kReadOnlyBind, nullptr), Step::root_readonly));
  PYEXEC_TRY(check(::chdir(kStaging), Step::pivot_root, 0));
  // pivot_root stacks the old root on top of the new one; the umount detaches it (pivot_root(2),
  // "pivot_root(".", ".")").
  PYEXEC_TRY(check(sys::pivot_root(".", "."), Step::pivot_root, 1));
  PYEXEC_TRY(check(::umount2(".", MNT_DETACH), Step::pivot_root, 2));
  PYEXEC_TRY(check(::chdir("/"), Step::pivot_root, 3));
  return plan.files == Files::own ? ok() : verify_root();
}

SetupError make_device_nodes() {
  constexpr mode_t kForAll = 0666;
  for (const RootEntry& entry : root_table()) {
    if (entry.kind != Entry::device) continue;
    const std::string node = kNodes + file_name(entry.path);
    PYEXEC_TRY(check(::mknod(node.c_str(), S_IFCHR | kForAll, device_number(entry.path)),
                     Step::device_nodes, 0));
    PYEXEC_TRY(check(::chmod(node.c_str(), kForAll), Step::device_nodes, 1));
  }
  return ok();
}

SetupError unlink_device_nodes() {
  SetupError result = ok();
  for (const RootEntry& entry : root_table())
    if (entry.kind == Entry::device && ::unlink((kNodes + file_name(entry.path)).c_str()) == -1 &&
        errno != ENOENT)
      result = fail(Step::device_nodes, errno, 2);
  return result;
}

SetupError enter_prepared_root() {
  PYEXEC_TRY(check(::chroot(kPreparedRoot), Step::chroot, 0));
  PYEXEC_TRY(check(::chdir("/"), Step::chroot, 1));
  // Verifies that the image's files are present and that files which only the host's root has are
  // not.
  for (const char* path : {"/usr/lib", "/dev/null", kTmpDirectory})
    PYEXEC_TRY(check(::access(path, F_OK), Step::chroot, 2));
  for (const char* path : {"/proc", "/etc/passwd", "/root"})
    if (::access(path, F_OK) != -1) return fail(Step::chroot, 0, 3);
  return ok();
}

}  // namespace pyexec::sandbox
