// One SOCK_SEQPACKET message with descriptors attached. Descriptors travel outward only: from the
// jailer to the zygote, from the zygote to the server, never towards a process that runs a script.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "sandbox/base/unique_fd.h"

namespace pyexec {

inline constexpr std::size_t kMaxMessageBytes = 4096;
inline constexpr std::size_t kMaxMessageFds = 5;

struct FdMessage {
  std::array<std::byte, kMaxMessageBytes> bytes;
  std::size_t size = 0;
  std::array<UniqueFd, kMaxMessageFds> fds;
  std::size_t fd_count = 0;

  std::span<const std::byte> body() const { return {bytes.data(), size}; }
};

enum class ReceiveResult { message, would_block, closed, broken };

// Returns false with errno set on failure; never raises SIGPIPE. The caller keeps the descriptors.
bool send_message(int socket, std::span<const std::byte> body, std::span<const int> fds);

// Every received descriptor is close-on-exec. Returns `broken` for a truncated message, or for
// control data other than descriptors, and closes the descriptors that came with it.
ReceiveResult receive_message(int socket, FdMessage& out);

}  // namespace pyexec
