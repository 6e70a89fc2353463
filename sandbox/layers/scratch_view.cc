// Runs in the worker.
#include "sandbox/layers/scratch_view.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "sandbox/base/sys.h"
#include "sandbox/base/unique_fd.h"
#include "sandbox/layers/root_image.h"

namespace pyexec::sandbox {
namespace {

constexpr std::array kDirectories = {kTmpDirectory, kShmDirectory};
constexpr int kMostDepth = 64;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

bool ScratchView::add(int directory, const char* name, const std::string& path, int depth) {
  struct stat state = {};
  if (::fstatat(directory, name, &state, AT_SYMLINK_NOFOLLOW) == -1) return false;
  if (entries_.size() == kMostEntries) return false;
  const auto s = static_cast<std::uint64_t>(state.st_ctim.tv_sec);
  const auto ns = static_cast<std::uint64_t>(state.st_ctim.tv_nsec);
  const auto modified_ns = static_cast<std::uint64_t>(state.st_mtim.tv_sec) * 1'000'000'000 +
                           static_cast<std::uint64_t>(state.st_mtim.tv_nsec);
  entries_.push_back({path,
                      {state.st_ino, state.st_mode, state.st_nlink, state.st_uid,
                       static_cast<std::uint64_t>(state.st_size), modified_ns, s, ns}});
  if (s > newest_s_ || (s == newest_s_ && ns > newest_ns_)) newest_s_ = s, newest_ns_ = ns;
  if (S_ISREG(state.st_mode))
    return read_content(directory, name, static_cast<std::uint64_t>(state.st_size),
                        entries_.back().content);
  if (!S_ISDIR(state.st_mode)) return true;
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  const int opened = ::openat(directory, name, kFlags);
  return opened != -1 && add_tree(opened, path, depth + 1);
}

bool ScratchView::read_content(int directory, const char* name, std::uint64_t size,
                               std::string& content) {
  if (size > kMostBytes - bytes_) return false;
  if (size == 0) return true;
  const UniqueFd file(::openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  content.resize(size);
  bytes_ += size;
  return file && sys::read_all(file.get(), content.data(), content.size());
}

// Closes `directory`.
bool ScratchView::add_tree(int directory, const std::string& path, int depth) {
  const std::unique_ptr<DIR, CloseDirectory> listed(::fdopendir(directory));
  if (!listed || depth > kMostDepth) return false;
  while (const dirent* entry = ::readdir(listed.get())) {
    if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) continue;
    if (!add(directory, entry->d_name, path + "/" + entry->d_name, depth)) return false;
  }
  return true;
}

std::optional<ScratchView> ScratchView::look() {
  ScratchView view;
  std::size_t at = 0;
  for (const char* path : kDirectories) {
    struct statfs room = {};
    if (::statfs(path, &room) == -1) return std::nullopt;
    view.room_[at++] = room.f_bfree;
    view.room_[at++] = room.f_ffree;
    if (!view.add(AT_FDCWD, path, path, 0)) return std::nullopt;
  }
  std::sort(view.entries_.begin(), view.entries_.end(),
            [](const Entry& one, const Entry& other) { return one.path < other.path; });
  return view;
}

bool ScratchView::settle() const {
  constexpr int kMostPauses = 6'000;
  constexpr timespec kPause = {0, 500'000};
  for (int pauses = 0; pauses < kMostPauses; ++pauses) {
    timespec now = {};
    if (::clock_gettime(CLOCK_REALTIME_COARSE, &now) == -1) return false;
    const auto s = static_cast<std::uint64_t>(now.tv_sec);
    const auto ns = static_cast<std::uint64_t>(now.tv_nsec);
    // If the clock was set back since, a change has another time too.
    if (s > newest_s_ || (s == newest_s_ && ns > newest_ns_) || newest_s_ > s + 1) return true;
    ::nanosleep(&kPause, nullptr);
  }
  return false;
}

bool ScratchView::operator==(const ScratchView& other) const {
  return entries_ == other.entries_ && room_ == other.room_;
}

}  // namespace pyexec::sandbox
