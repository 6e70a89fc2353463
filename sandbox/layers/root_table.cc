#include "sandbox/layers/root_table.h"

#include <cstring>
#include <iterator>

#include "sandbox/layers/root_image.h"

namespace pyexec::sandbox {
namespace {

constexpr RootEntry kRoot[] = {
    {"/usr", Entry::directory, Presence::required},
    {"/usr/bin", Entry::bind, Presence::required},  // sys.executable, programs for subprocess
    {"/usr/lib", Entry::bind,
     Presence::required},  // the interpreter, its packages, shared libraries
    {"/usr/lib64", Entry::copied_links, Presence::if_on_host},  // the dynamic loader's path
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
    // On a read-only mount, removing a missing file fails with EROFS before the kernel looks for
    // it, but scripts expect ENOENT. A job that does not own the image, or that Landlock keeps
    // from writing, cannot write here either (jail.cc checks it as the job).
    {"/etc", Entry::guarded, Presence::required},
    {"/etc/ld.so.cache", Entry::copied_file, Presence::if_on_host},
    {"/etc/mime.types", Entry::copied_file, Presence::if_on_host},     // mimetypes, openpyxl
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

}  // namespace

std::span<const RootEntry> root_table() {
  return kRoot;
}

RootRows::RootRows(const Plan& plan) {
  static_assert(std::size(kRoot) + kMostOwn <= kMost);
  for (const RootEntry& entry : kRoot) rows_[count_++] = entry;
  const char* const packages = plan.packages.data();
  const std::size_t size = ::strnlen(packages, plan.packages.size() - 1);
  std::size_t own = 0;
  for (std::size_t end = 1; end <= size && own < kMostOwn; ++end) {
    if (end < size && packages[end] != '/') continue;
    auto& path = paths_[own];
    path = {};
    std::memcpy(path.data(), packages, end);
    bool is_there = false;
    for (const RootEntry& entry : kRoot) {
      if (std::strcmp(entry.path, path.data()) != 0) continue;
      is_there = true;
      if (entry.kind == Entry::bind) return;  // it is in a directory that is there already
    }
    if (is_there) continue;
    const Entry kind = end == size ? Entry::bind : Entry::directory;
    rows_[count_++] = {path.data(), kind, Presence::required};
    ++own;
  }
}

const char* guarded_name(const RootEntry& entry) {
  for (const RootEntry& other : kRoot) {
    const std::size_t size = std::strlen(other.path);
    if (other.kind == Entry::guarded && std::strncmp(entry.path, other.path, size) == 0 &&
        entry.path[size] == '/')
      return entry.path + size;
  }
  return nullptr;
}

}  // namespace pyexec::sandbox
