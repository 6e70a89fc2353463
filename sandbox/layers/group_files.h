// Reading and writing the files of control groups.
#pragma once

#include <cstdint>
#include <string>

#include "sandbox/base/step.h"

namespace pyexec::sandbox {

// The index of an error: which controller failed.
inline constexpr std::uint32_t kMemory = 1, kProcesses = 2, kProcessor = 13;

// In the directories of this service, "slot-GENERATION-INDEX".
inline constexpr char kSlots[] = "slot-";

SetupError write_text(const std::string& path, const std::string& text, std::uint32_t index);
// Return "" if it cannot be read.
std::string read_text(int fd);
std::string read_text(const std::string& path);
// Returns the number that follows `key` at the start of a line; 0 if there is none.
std::uint64_t number_after(const std::string& text, const std::string& key);

}  // namespace pyexec::sandbox
