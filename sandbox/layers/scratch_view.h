// All that is in the directories which a job with a root of its own may write to: names, rights,
// sizes, the times of change, which nobody can set, and what the files hold. (A tmpfs notes no time
// when a file is written to by way of a shared mapping.) Two views are equal only if nothing was
// made, changed or removed between them, or was put back as it had been.
#pragma once

#include <sys/statfs.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pyexec::sandbox {

class ScratchView {
 public:
  // Returns nullopt if something cannot be looked at, or there is much: more than kMostBytes.
  static constexpr std::size_t kMostBytes = 16 << 20, kMostEntries = 10'000;
  static std::optional<ScratchView> look();
  // Waits until a change would show: until the clock has ticked since the last one.
  // Returns false if it does not tick.
  bool settle() const;

  bool operator==(const ScratchView& other) const;

 private:
  struct Entry {
    std::string path;
    std::array<std::uint64_t, 8> state;  // inode, rights, links, owner, size, mtime, ctime twice
    std::string content;                 // of a regular file

    bool operator==(const Entry&) const = default;
  };
  bool add(int directory, const char* name, const std::string& path, int depth);
  bool read_content(int directory, const char* name, std::uint64_t size, std::string& content);
  bool add_tree(int directory, const std::string& path, int depth);

  std::vector<Entry> entries_;  // by path
  std::array<std::uint64_t, 4> room_ = {};
  std::size_t bytes_ = 0;                       // of all contents
  std::uint64_t newest_s_ = 0, newest_ns_ = 0;  // time of the last change
};

}  // namespace pyexec::sandbox
