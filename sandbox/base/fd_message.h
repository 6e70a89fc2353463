// One SOCK_SEQPACKET message with descriptors attached. Descriptors travel outward only: from the
// jailer to the zygote, from the zygote to the server. Those of a session's next process are the
// exception: they are new, and lead to the server (worker/protocol/README.md).
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "sandbox/base/unique_fd.h"

namespace pyexec {

inline constexpr std::size_t kMaxMessageBytes = 4096;
inline constexpr std::size_t kMaxMessageFds = 6;

// The descriptors of a message.
struct MessageFds {
  std::array<UniqueFd, kMaxMessageFds> fds;
  std::size_t fd_count = 0;
};

struct FdMessage : MessageFds {
  std::array<std::byte, kMaxMessageBytes> bytes;
  std::size_t size = 0;

  std::span<const std::byte> body() const { return {bytes.data(), size}; }
};

enum class ReceiveResult { message, would_block, closed, broken };

// Returns false with errno set on failure; never raises SIGPIPE. The caller keeps the descriptors.
bool send_message(int socket, std::span<const std::byte> body, std::span<const int> fds);

// Every received descriptor is close-on-exec. Returns `broken` for a truncated message, or for
// control data other than descriptors, and closes the descriptors that came with it.
ReceiveResult receive_message(int socket, FdMessage& out);

// The same, of a stream socket: fills `bytes`, and takes the descriptors that came with the first.
ReceiveResult receive_bytes(int socket, std::span<std::byte> bytes, MessageFds& out);

}  // namespace pyexec
