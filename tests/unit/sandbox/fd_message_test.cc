#include "sandbox/base/fd_message.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace pyexec {
namespace {

struct SocketPair {
  explicit SocketPair(int flags = 0) {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0, ends) == 0);
    near.reset(ends[0]);
    far.reset(ends[1]);
  }
  UniqueFd near, far;
};

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator begin("/proc/self/fd"), end;
  return static_cast<std::size_t>(std::distance(begin, end));
}

std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}
std::string text_of(const FdMessage& message) {
  return {reinterpret_cast<const char*>(message.bytes.data()), message.size};
}

UniqueFd null_device() {
  UniqueFd fd(::open("/dev/null", O_RDWR));
  REQUIRE(fd);
  return fd;
}

bool same_file(int a, int b) {
  struct stat first, second;
  return ::fstat(a, &first) == 0 && ::fstat(b, &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

// What send_message would not send: as many descriptors as asked for.
bool send_raw(int socket, std::string body, const std::vector<int>& fds) {
  iovec data = {body.data(), body.size()};
  std::vector<char> control(CMSG_SPACE(sizeof(int) * fds.size()));
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
  std::memcpy(CMSG_DATA(header), fds.data(), sizeof(int) * fds.size());
  return ::sendmsg(socket, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(body.size());
}

TEST_CASE("bytes arrive as they were sent, one message at a time", "[fd_message]") {
  const SocketPair pair;
  const std::string largest(kMaxMessageBytes, 'x'), nul("a\0b", 3);
  for (const std::string& body : {std::string("first"), nul, largest})
    REQUIRE(send_message(pair.near.get(), as_bytes(body), {}));
  for (const std::string& body : {std::string("first"), nul, largest}) {
    FdMessage message;
    REQUIRE(receive_message(pair.far.get(), message) == ReceiveResult::message);
    CHECK(text_of(message) == body);
    CHECK(message.body().size() == body.size());
    CHECK(message.fd_count == 0);
  }
}

TEST_CASE("descriptors arrive in order and refer to the same files", "[fd_message]") {
  const SocketPair pair;
  int pipe_ends[2];
  REQUIRE(::pipe2(pipe_ends, O_CLOEXEC) == 0);
  const UniqueFd reader(pipe_ends[0]), writer(pipe_ends[1]), device = null_device();
  const std::vector<int> sent = {reader.get(), device.get(), writer.get()};
  REQUIRE(send_message(pair.near.get(), as_bytes("body"), sent));
  FdMessage message;
  REQUIRE(receive_message(pair.far.get(), message) == ReceiveResult::message);
  REQUIRE(message.fd_count == sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) CHECK(same_file(message.fds[i].get(), sent[i]));
  REQUIRE(::write(message.fds[2].get(), "x", 1) == 1);
  char byte = 0;
  CHECK(::read(message.fds[0].get(), &byte, 1) == 1);
  CHECK(byte == 'x');
}

TEST_CASE("received descriptors are close-on-exec", "[fd_message]") {
  const SocketPair pair;
  const UniqueFd device = null_device();
  REQUIRE((::fcntl(device.get(), F_GETFD) & FD_CLOEXEC) == 0);
  const std::vector<int> sent(kMaxMessageFds, device.get());
  REQUIRE(send_message(pair.near.get(), as_bytes("x"), sent));
  FdMessage message;
  REQUIRE(receive_message(pair.far.get(), message) == ReceiveResult::message);
  REQUIRE(message.fd_count == kMaxMessageFds);
  for (const UniqueFd& fd : message.fds)
    CHECK((::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) == FD_CLOEXEC);
}

TEST_CASE("a message owns its descriptors and closes them", "[fd_message]") {
  const SocketPair pair;
  const UniqueFd device = null_device();
  const std::vector<int> sent(kMaxMessageFds, device.get());
  const std::size_t before = open_descriptors();
  {
    REQUIRE(send_message(pair.near.get(), as_bytes("x"), sent));
    FdMessage message;
    REQUIRE(receive_message(pair.far.get(), message) == ReceiveResult::message);
    CHECK(open_descriptors() == before + kMaxMessageFds);
  }
  CHECK(open_descriptors() == before);
  CHECK(::fcntl(device.get(), F_GETFD) != -1);
}

TEST_CASE("a message used again closes the descriptors that are replaced", "[fd_message]") {
  const SocketPair pair;
  const UniqueFd device = null_device();
  const std::vector<int> sent(kMaxMessageFds, device.get());
  const std::size_t before = open_descriptors();
  FdMessage message;
  for (int i = 0; i < 3; ++i) {
    REQUIRE(send_message(pair.near.get(), as_bytes("x"), sent));
    REQUIRE(receive_message(pair.far.get(), message) == ReceiveResult::message);
  }
  CHECK(open_descriptors() == before + kMaxMessageFds);
}

TEST_CASE("a truncated message is broken and leaks nothing", "[fd_message]") {
  const SocketPair pair;
  const UniqueFd device = null_device();
  const std::size_t before = open_descriptors();
  REQUIRE(send_raw(pair.near.get(), std::string(kMaxMessageBytes + 1, 'x'), {device.get()}));
  FdMessage message;
  CHECK(receive_message(pair.far.get(), message) == ReceiveResult::broken);
  CHECK(open_descriptors() == before);
}

TEST_CASE("a message with too many descriptors is broken and leaks nothing", "[fd_message]") {
  const UniqueFd device = null_device();
  for (std::size_t count = kMaxMessageFds + 1; count <= 4 * kMaxMessageFds; ++count) {
    const SocketPair pair;
    const std::size_t before = open_descriptors();
    REQUIRE(send_raw(pair.near.get(), "x", std::vector<int>(count, device.get())));
    FdMessage message;
    CHECK(receive_message(pair.far.get(), message) == ReceiveResult::broken);
    CHECK(open_descriptors() == before);
  }
}

TEST_CASE("control data that is not descriptors is broken", "[fd_message]") {
  const SocketPair pair;
  const int on = 1;
  REQUIRE(::setsockopt(pair.far.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0);
  const UniqueFd device = null_device();
  const std::size_t before = open_descriptors();
  REQUIRE(send_message(pair.near.get(), as_bytes("x"), {}));
  REQUIRE(send_raw(pair.near.get(), "x", {device.get()}));
  FdMessage message;
  CHECK(receive_message(pair.far.get(), message) == ReceiveResult::broken);
  CHECK(receive_message(pair.far.get(), message) == ReceiveResult::broken);
  CHECK(open_descriptors() == before);
}

TEST_CASE("a broken message does not harm the next one", "[fd_message]") {
  const SocketPair pair;
  REQUIRE(send_raw(pair.near.get(), std::string(kMaxMessageBytes + 1, 'x'), {pair.near.get()}));
  REQUIRE(send_message(pair.near.get(), as_bytes("next"), {}));
  FdMessage message;
  REQUIRE(receive_message(pair.far.get(), message) == ReceiveResult::broken);
  REQUIRE(receive_message(pair.far.get(), message) == ReceiveResult::message);
  CHECK(text_of(message) == "next");
}

TEST_CASE("a closed peer is told from an error", "[fd_message]") {
  SocketPair pair;
  REQUIRE(send_message(pair.near.get(), as_bytes("last"), {}));
  pair.near.reset();
  FdMessage message;
  CHECK(receive_message(pair.far.get(), message) == ReceiveResult::message);
  CHECK(receive_message(pair.far.get(), message) == ReceiveResult::closed);
  CHECK(receive_message(-1, message) == ReceiveResult::broken);
}

TEST_CASE("an empty socket that does not block would block", "[fd_message]") {
  const SocketPair pair(SOCK_NONBLOCK);
  FdMessage message;
  CHECK(receive_message(pair.far.get(), message) == ReceiveResult::would_block);
  REQUIRE(send_message(pair.near.get(), as_bytes("x"), {}));
  CHECK(receive_message(pair.far.get(), message) == ReceiveResult::message);
  CHECK(receive_message(pair.far.get(), message) == ReceiveResult::would_block);
}

TEST_CASE("sending to a closed peer fails without a signal", "[fd_message]") {
  SocketPair pair;
  pair.far.reset();
  errno = 0;
  CHECK_FALSE(send_message(pair.near.get(), as_bytes("x"), {}));
  CHECK(errno == EPIPE);
}

TEST_CASE("sending a descriptor that is not open fails", "[fd_message]") {
  const SocketPair pair;
  const std::vector<int> fds = {-1};
  errno = 0;
  CHECK_FALSE(send_message(pair.near.get(), as_bytes("x"), fds));
  CHECK(errno == EBADF);
}

}  // namespace
}  // namespace pyexec
