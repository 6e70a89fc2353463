#include "server/client_watch.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

namespace pyexec {

using net::ip::tcp;

namespace {

constexpr std::chrono::milliseconds kBetweenLooks{250};

// Even where what it sent before waits unread.
bool is_gone(tcp::socket& socket) {
  tcp_info info = {};
  socklen_t size = sizeof info;
  if (::getsockopt(socket.native_handle(), IPPROTO_TCP, TCP_INFO, &info, &size) == -1) return true;
  return info.tcpi_state != TCP_ESTABLISHED;
}

}  // namespace

ClientWatch::ClientWatch(boost::beast::tcp_stream& stream, const boost::beast::flat_buffer& buffer)
    : stream_(stream), buffer_(buffer) {}

void ClientWatch::start(Cancellation& cancellation) {
  stop();
  look_ = std::make_shared<Look>(stream_.get_executor());
  look_->cancellation = &cancellation;
  look_later(look_);
}

void ClientWatch::stop() {
  if (!look_) return;
  look_->cancellation = nullptr;
  look_->timer.cancel();
  look_.reset();
  error_code ignored;
  stream_.socket().cancel(ignored);
}

void ClientWatch::look_later(std::shared_ptr<Look> look) {
  const auto on_time = [this, look](error_code error) {
    if (error || look->cancellation == nullptr) return;  // this object may be gone
    if (is_gone(stream_.socket()))
      look->cancellation->request();
    else
      look_later(look);
  };
  error_code error;
  if (buffer_.size() == 0 && stream_.socket().available(error) == 0)
    return stream_.socket().async_wait(tcp::socket::wait_read, on_time);
  look->timer.expires_after(kBetweenLooks);
  look->timer.async_wait(on_time);
}

}  // namespace pyexec
