// The contents of a jail's root, as data.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "sandbox/plan/plan.h"

namespace pyexec::sandbox {

enum class Entry {
  directory,  // empty; something is mounted there later
  guarded,  // a directory on a tmpfs of its own, which is read-only only where nothing else guards
            // it
  bind,     // the host's directory, read-only
  device,   // the host's device node, or one like it
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

// A parent directory precedes its children. Without the plan's packages.
std::span<const RootEntry> root_table();

// The rows of the roots that a plan makes: the table's, those of the directories above the plan's
// packages, and that of the packages themselves.
class RootRows {
 public:
  explicit RootRows(const Plan& plan);
  RootRows(const RootRows&) = delete;
  RootRows& operator=(const RootRows&) = delete;
  std::span<const RootEntry> all() const { return {rows_.data(), count_}; }

 private:
  static constexpr std::size_t kMost = 64, kMostOwn = 16;
  std::array<RootEntry, kMost> rows_;
  std::array<decltype(Plan::packages), kMostOwn> paths_ = {};  // of its own rows
  std::size_t count_ = 0;
};

// Returns the name, with its slash, of an entry directly in a guarded directory or below one. Null
// for any other entry.
const char* guarded_name(const RootEntry& entry);

// Files::own: the directories that the jailer prepares, as the inits see them.
inline constexpr const char* kLowerRoot = "/lower";       // all but what is bound
inline constexpr const char* kEmptyRoot = "/empty";       // an overlay takes two directories
inline constexpr const char* kTreeEmpty = "/tree-empty";  // one on the tree's file system, if any
inline constexpr const char* kTree =
    "/usr";  // of the host; what is bound from its mount has one overlay
inline constexpr const char* kTreeSource = "/tree";
inline constexpr const char* kTreeOverlay = "/tree-overlay";
inline constexpr const char* kSources = "/sources/";      // other bound directories, by row
inline constexpr const char* kNodes = "/nodes";           // device nodes of one jail
inline constexpr const char* kJailNodes = "/jail-nodes";  // the same, read-only
inline constexpr const char* kJailRoot = "/jail";         // where an init assembles its root
// In the jail: the target of the links in its guarded directory.
inline constexpr const char* kGuardedFiles = "/usr/share/etc";

}  // namespace pyexec::sandbox
