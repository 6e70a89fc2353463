// Runs in the jailer, as host root, before any jail exists.
#include "sandbox/root_image.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <iterator>
#include <memory>
#include <string>

#include "sandbox/base/sys.h"
#include "sandbox/base/unique_fd.h"

namespace pyexec::sandbox {
namespace {

enum class Entry {
  directory,  // empty; something is mounted there later
  guarded,  // a directory on a tmpfs of its own, which is read-only only where nothing else guards
            // it
  bind,     // the host's directory, read-only
  device,   // the host's device node
  copied_file,   // a copy of the host's file, as it was at start
  copied_links,  // a directory with copies of the host's symbolic links
  link,          // a symbolic link to `target`
};

enum class Presence { required, if_on_host };

struct RootEntry {
  const char* path;  // in the jail and, for what comes from the host, on the host too
  Entry kind;
  Presence presence;
  const char* target = nullptr;
};

// A parent directory stands before its children.
constexpr RootEntry kRoot[] = {
    {"/usr", Entry::directory, Presence::required},
    {"/usr/bin", Entry::bind, Presence::required},  // sys.executable and what subprocess runs
    {"/usr/lib", Entry::bind,
     Presence::required},  // the interpreter, its packages, shared libraries
    {"/usr/lib64", Entry::copied_links, Presence::if_on_host},  // the dynamic loader's name
    {"/usr/share", Entry::directory, Presence::required},
    {"/usr/share/zoneinfo", Entry::bind, Presence::if_on_host},    // pandas, zoneinfo
    {"/usr/share/matplotlib", Entry::bind, Presence::if_on_host},  // fonts
    {"/usr/share/fonts", Entry::directory, Presence::required},
    {"/usr/share/fonts/truetype", Entry::directory, Presence::required},
    {"/usr/share/fonts/truetype/wqy", Entry::bind,
     Presence::if_on_host},  // Chinese, Japanese, Korean
    {"/usr/local", Entry::directory, Presence::required},
    {"/usr/local/bin", Entry::directory, Presence::required},
    {"/usr/local/bin/python", Entry::link, Presence::required, "/usr/bin/python3"},
    {"/bin", Entry::link, Presence::required, "usr/bin"},
    {"/lib", Entry::link, Presence::required, "usr/lib"},
    {"/lib64", Entry::link, Presence::required, "usr/lib64"},
    // On a read-only mount, removing a file that is not there fails with EROFS, before the kernel
    // looks for it; scripts expect ENOENT. Where a job is not the one who made the image, or
    // Landlock keeps it from writing, it cannot write here either (jail.cc checks it as the job).
    {"/etc", Entry::guarded, Presence::required},
    {"/etc/ld.so.cache", Entry::copied_file, Presence::if_on_host},
    {"/etc/alternatives", Entry::copied_links, Presence::if_on_host},  // Debian's libblas.so.3
    {"/etc/ssl", Entry::directory, Presence::required},
    {"/etc/ssl/certs", Entry::directory, Presence::required},
    {"/etc/ssl/certs/ca-certificates.crt", Entry::copied_file, Presence::if_on_host},  // requests
    {"/dev", Entry::directory, Presence::required},
    {"/dev/null", Entry::device, Presence::required},
    {"/dev/zero", Entry::device, Presence::required},
    {"/dev/full", Entry::device, Presence::required},
    {"/dev/random", Entry::device, Presence::required},
    {"/dev/urandom", Entry::device, Presence::required},
    {kShmDirectory, Entry::directory, Presence::required},
    {kTmpDirectory, Entry::directory, Presence::required},
};

// Where the new root is put together; only this process sees it.
constexpr const char* kStaging = "/tmp";
constexpr unsigned long kReadOnlyBind = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV;

// Nothing in it can gain rights. Mount flags that the source had stay on.
int bind(const char* source, const char* target, unsigned long flags) {
  // Inside a user namespace those are locked: a remount without them is refused.
  struct statvfs state = {};
  if (::statvfs(source, &state) == -1) return -1;
  if ((state.f_flag & ST_NODEV) != 0) flags |= MS_NODEV;
  if ((state.f_flag & ST_NOEXEC) != 0) flags |= MS_NOEXEC;
  if (::mount(source, target, nullptr, MS_BIND, nullptr) == -1) return -1;
  return ::mount(nullptr, target, nullptr, MS_REMOUNT | MS_BIND | MS_NOSUID | flags, nullptr);
}

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
    if (size <= 0) continue;  // not a link
    const std::string to(text, static_cast<std::size_t>(size));
    if (::symlink(to.c_str(), (target + "/" + entry->d_name).c_str()) == -1) return -1;
  }
  return 0;
}

int make_empty_file(const char* path) {
  return UniqueFd(::open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444)) ? 0 : -1;
}

int make_entry(const Plan& plan, const RootEntry& entry) {
  const std::string target = std::string(kStaging) + entry.path;
  switch (entry.kind) {
    case Entry::directory:
      return ::mkdir(target.c_str(), 0755);
    case Entry::guarded:
      if (::mkdir(target.c_str(), 0755) == -1) return -1;
      return ::mount("pyexec-etc", target.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                     "mode=0755,size=4m");
    case Entry::bind:
      if (::mkdir(target.c_str(), 0755) == -1) return -1;
      return bind(entry.path, target.c_str(), MS_RDONLY | MS_NODEV);
    case Entry::device:
      if (make_empty_file(target.c_str()) == -1) return -1;
      // gVisor lets nothing be opened for writing on a read-only mount, devices included; the node
      // itself is host root's and cannot be changed anyway.
      return bind(entry.path, target.c_str(),
                  MS_NOEXEC | (plan.builder == Builder::chained ? 0 : MS_RDONLY));
    case Entry::copied_file:
      return copy_file(entry.path, target.c_str());
    case Entry::copied_links:
      return copy_links(entry.path, target);
    case Entry::link:
      return ::symlink(entry.target, target.c_str());
  }
  errno = EINVAL;
  return -1;
}

SetupError fill_root(const Plan& plan) {
  for (std::uint32_t i = 0; i < std::size(kRoot); ++i) {
    if (kRoot[i].presence == Presence::if_on_host && ::access(kRoot[i].path, R_OK) == -1) continue;
    PYEXEC_TRY(check(make_entry(plan, kRoot[i]), Step::root_entry, i));
  }
  return ok();
}

// 0 where /proc does not tell (gVisor).
ino_t own_mount_namespace() {
  struct stat state = {};
  return ::stat("/proc/self/ns/mnt", &state) == 0 ? state.st_ino : 0;
}

SetupError verify_root() {
  // Every row that must not be written, by trying; the old root, by looking for what only it had.
  struct statvfs state = {};
  for (const char* path : {"/", "/usr/bin", "/usr/lib"}) {
    PYEXEC_TRY(check(::statvfs(path, &state), Step::verify, 1));
    if ((state.f_flag & ST_RDONLY) == 0 || (state.f_flag & ST_NOSUID) == 0)
      return fail(Step::verify, 0, 1);
  }
  // A root that is still stacked on this one is what ".." of "/" leads to.
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
      plan.builder == Builder::chained ? "mode=0755,size=8m" : "mode=0755,size=8m,nr_inodes=4k";
  PYEXEC_TRY(check(::mount("pyexec-root", kStaging, "tmpfs", MS_NOSUID | MS_NODEV, bound),
                   Step::root_tmpfs));
  PYEXEC_TRY(fill_root(plan));
  if (plan.users == Users::one_mapped && plan.landlock_abi == 0)
    PYEXEC_TRY(check(::mount(nullptr, "/tmp/etc", nullptr, kReadOnlyBind, nullptr),
                     Step::root_readonly, 1));
  PYEXEC_TRY(
      check(::mount(nullptr, kStaging, nullptr, kReadOnlyBind, nullptr), Step::root_readonly));
  PYEXEC_TRY(check(::chdir(kStaging), Step::pivot_root, 0));
  // The old root lands on top of the new one, and is taken away (pivot_root(2), "pivot_root(".",
  // ".")").
  PYEXEC_TRY(check(sys::pivot_root(".", "."), Step::pivot_root, 1));
  PYEXEC_TRY(check(::umount2(".", MNT_DETACH), Step::pivot_root, 2));
  PYEXEC_TRY(check(::chdir("/"), Step::pivot_root, 3));
  return verify_root();
}

SetupError enter_prepared_root() {
  PYEXEC_TRY(check(::chroot(kPreparedRoot), Step::chroot, 0));
  PYEXEC_TRY(check(::chdir("/"), Step::chroot, 1));
  // Read back: what the image puts there is there, what only the host's root has is not.
  for (const char* path : {"/usr/lib", "/dev/null", kTmpDirectory})
    PYEXEC_TRY(check(::access(path, F_OK), Step::chroot, 2));
  for (const char* path : {"/proc", "/etc/passwd", "/root"})
    if (::access(path, F_OK) != -1) return fail(Step::chroot, 0, 3);
  return ok();
}

}  // namespace pyexec::sandbox
