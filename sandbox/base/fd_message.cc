#include "sandbox/base/fd_message.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "sandbox/base/sys.h"

namespace pyexec {

bool send_message(int socket, std::span<const std::byte> body, std::span<const int> fds) {
  if (fds.size() > kMaxMessageFds) {
    errno = EINVAL;
    return false;
  }
  iovec data = {const_cast<std::byte*>(body.data()), body.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxMessageFds)] = {};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
  }
  const ssize_t sent = sys::retry([&] { return ::sendmsg(socket, &message, MSG_NOSIGNAL); });
  return sent == static_cast<ssize_t>(body.size());
}

namespace {

// size: how many bytes came.
ReceiveResult receive(int socket, std::span<std::byte> bytes, MessageFds& out, std::size_t& size) {
  for (auto& fd : out.fds) fd.reset();
  out.fd_count = 0;
  iovec data = {bytes.data(), bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxMessageFds)];
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;

  const ssize_t got = sys::retry([&] { return ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC); });
  if (got == -1) {
    return errno == EAGAIN || errno == EWOULDBLOCK ? ReceiveResult::would_block
                                                   : ReceiveResult::broken;
  }
  size = static_cast<std::size_t>(got);
  bool well_formed = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
      well_formed = false;
      continue;
    }
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
      if (out.fd_count < out.fds.size()) {
        out.fds[out.fd_count++].reset(fd);
      } else {
        ::close(fd);
        well_formed = false;
      }
    }
  }
  if (!well_formed) {
    for (auto& fd : out.fds) fd.reset();
    out.fd_count = 0;
    return ReceiveResult::broken;
  }
  return got == 0 ? ReceiveResult::closed : ReceiveResult::message;
}

}  // namespace

ReceiveResult receive_message(int socket, FdMessage& out) {
  return receive(socket, out.bytes, out, out.size);
}

ReceiveResult receive_bytes(int socket, std::span<std::byte> bytes, MessageFds& out) {
  std::size_t size = 0;
  const ReceiveResult result = receive(socket, bytes, out, size);
  if (result != ReceiveResult::message || size == bytes.size()) return result;
  const auto rest = bytes.subspan(size);
  return sys::read_all(socket, rest.data(), rest.size()) ? result : ReceiveResult::broken;
}

}  // namespace pyexec
