#include "worker/job/own_mappings.h"

#include <fstream>
#include <sstream>
#include <utility>

namespace pyexec {
namespace {

// Returns false for the lines of smaps that tell about a mapping.
bool begins_mapping(const std::string& line, OwnMapping& mapping) {
  char dash = 0;
  std::string offset, device, inode;
  std::istringstream words(line);
  words >> std::hex >> mapping.begin >> dash >> mapping.end;
  if (words.fail() || dash != '-') return false;
  words >> mapping.allowed >> offset >> device >> inode >> mapping.file;
  return true;
}

}  // namespace

std::vector<OwnMapping> own_mappings(bool with_flags) {
  constexpr std::string_view kFlags = "VmFlags:";
  std::vector<OwnMapping> found;
  std::ifstream file(with_flags ? "/proc/self/smaps" : "/proc/self/maps");
  for (std::string line; std::getline(file, line);) {
    OwnMapping mapping = {};
    if (begins_mapping(line, mapping))
      found.push_back(std::move(mapping));
    else if (line.starts_with(kFlags) && !found.empty())
      found.back().flags = line.substr(kFlags.size()) + " ";
  }
  return found;
}

}  // namespace pyexec
