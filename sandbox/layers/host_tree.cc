// Runs in the jailer, as host root, before any jail exists.
#include "sandbox/layers/host_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "sandbox/layers/root_table.h"

namespace pyexec::sandbox {
namespace {

bool is_empty(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
  if (!directory) return false;
  while (const dirent* entry = ::readdir(directory.get()))
    if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0) return false;
  return true;
}

// An overlay takes the numbers of directories from the file system below if that is the only one.
// An empty directory is mostly there: below what the host has mounted on it. Binds it to
// `kTreeEmpty`.
SetupError find_empty(const std::string& staging) {
  const std::string top = staging + kJailRoot;  // until a jail has it
  struct stat tree = {}, state = {};
  PYEXEC_TRY(check(::stat(kTree, &tree), Step::root_entry, 110));
  if (::mount("/", top.c_str(), nullptr, MS_BIND, nullptr) == -1) return ok();
  bool is_found = false;
  for (const char* name : {"/proc", "/sys", "/dev"}) {
    const std::string path = top + name;
    constexpr mode_t kOthersWrite = S_IWGRP | S_IWOTH;
    is_found = ::lstat(path.c_str(), &state) == 0 && state.st_dev == tree.st_dev &&
               state.st_uid == 0 && (state.st_mode & kOthersWrite) == 0 && is_empty(path) &&
               bind(path.c_str(), (staging + kTreeEmpty).c_str(), MS_RDONLY | MS_NODEV) == 0;
    if (is_found) break;
  }
  return check(::umount2(top.c_str(), MNT_DETACH), Step::root_entry, 111);
}

}  // namespace

int bind(const char* source, const char* target, unsigned long flags) {
  // Inside a user namespace the source's flags are locked: a remount without them is refused.
  struct statvfs state = {};
  if (::statvfs(source, &state) == -1) return -1;
  if ((state.f_flag & ST_NODEV) != 0) flags |= MS_NODEV;
  if ((state.f_flag & ST_NOEXEC) != 0) flags |= MS_NOEXEC;
  if (::mount(source, target, nullptr, MS_BIND, nullptr) == -1) return -1;
  return ::mount(nullptr, target, nullptr, MS_REMOUNT | MS_BIND | MS_NOSUID | flags, nullptr);
}

SetupError prepare_tree(const std::string& staging) {
  PYEXEC_TRY(check(bind(kTree, (staging + kTreeSource).c_str(), MS_RDONLY | MS_NODEV),
                   Step::root_entry, 112));
  return find_empty(staging);
}

bool is_of_the_tree(const char* path) {
  if (std::strncmp(path, kTree, std::strlen(kTree)) != 0) return false;
  struct statx here = {}, tree = {};
  return ::statx(AT_FDCWD, path, 0, STATX_MNT_ID, &here) == 0 &&
         ::statx(AT_FDCWD, kTree, 0, STATX_MNT_ID, &tree) == 0 &&
         (here.stx_mask & STATX_MNT_ID) != 0 && here.stx_mnt_id == tree.stx_mnt_id;
}

}  // namespace pyexec::sandbox
