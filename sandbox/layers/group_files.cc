#include "sandbox/layers/group_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "sandbox/base/sys.h"
#include "sandbox/base/unique_fd.h"

namespace pyexec::sandbox {

SetupError write_text(const std::string& path, const std::string& text, std::uint32_t index) {
  return sys::write_setting(path.c_str(), text) ? ok() : fail(Step::cgroup, errno, index);
}

std::string read_text(int fd) {
  char text[4096];
  const ssize_t size = ::pread(fd, text, sizeof text, 0);
  return {text, static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

std::string read_text(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return file ? read_text(file.get()) : "";
}

std::uint64_t number_after(const std::string& text, const std::string& key) {
  std::size_t at = text.find(key);
  while (at != std::string::npos && at != 0 && text[at - 1] != '\n') at = text.find(key, at + 1);
  return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at + key.size(), nullptr, 10);
}

}  // namespace pyexec::sandbox
