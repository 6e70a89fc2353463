#include "client/screen.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

namespace pyexec::client {
namespace {

constexpr int kLongestWaitMs = 1000;
constexpr const char* kEraseLine = "\r\x1b[K";

// A terminal may be non-blocking because standard input, the same one, is.
void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written > 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
      continue;
    }
    if (errno == EINTR) continue;
    pollfd ready = {STDERR_FILENO, POLLOUT, 0};
    if (errno != EAGAIN || ::poll(&ready, 1, kLongestWaitMs) <= 0) return;
  }
}

// A bar that wraps could not be erased.
std::size_t columns() {
  constexpr std::size_t kUnknown = 200;
  winsize size = {};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == -1 || size.ws_col < 2) return kUnknown;
  return size.ws_col - 1u;
}

}  // namespace

bool Screen::is_terminal() {
  return ::isatty(STDERR_FILENO) == 1;
}

void Screen::draw(const std::string& bar) {
  has_bar_ = true;
  write_all(kEraseLine + bar.substr(0, columns()));
}

void Screen::say(const std::string& line) {
  write_all((has_bar_ ? "\n" : "") + line + "\n");
  has_bar_ = false;
}

}  // namespace pyexec::client
