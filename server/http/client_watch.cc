#include "server/http/client_watch.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

namespace pyexec {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{250};

// Works even if earlier data from the client is still unread.
bool has_left(int socket) {
  tcp_info info = {};
  socklen_t size = sizeof info;
  if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) == 0)
    return info.tcpi_state != TCP_ESTABLISHED;
  char byte;
  const auto got = ::recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got == 0 || (got == -1 && errno != EAGAIN);
}

}  // namespace

void ClientWatch::start(Cancellation& cancellation) {
  if (look_) return;
  look_ = std::make_shared<Look>(socket_.get_executor());
  look_->cancellation = &cancellation;
  look_later(look_);
}

void ClientWatch::stop() {
  if (!look_) return;
  look_->cancellation = nullptr;
  look_->timer.cancel();
  look_.reset();
}

bool ClientWatch::is_gone() const {
  return has_left(socket_.native_handle());
}

void ClientWatch::look_later(std::shared_ptr<Look> look) {
  look->timer.expires_after(kBetweenLooks);
  look->timer.async_wait([this, look](error_code error) {
    if (error || look->cancellation == nullptr) return;  // this object may be gone
    if (is_gone())
      look->cancellation->request(Cancellation::By::client);
    else
      look_later(look);
  });
}

}  // namespace pyexec
