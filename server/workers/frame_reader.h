// Reads frames from a worker's job socket, one after another. Most are small, and come with one
// call.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <string>

#include "server/base/asio.h"
#include "worker/protocol/frame.h"

namespace pyexec {

class FrameReader {
 public:
  explicit FrameReader(net::local::stream_protocol::socket& socket) : socket_(socket) {}

  struct Head {
    error_code error;
    std::optional<FrameHeader> header;  // nullopt: malformed
  };
  // Call first, and again once the body has been read. May read more than the frame: this object
  // has the rest.
  awaitable<Head> read_head() {
    if (got_ < kFrameHeaderBytes) {
      const auto [error, size] =
          co_await net::async_read(socket_, net::buffer(bytes_) + got_,
                                   net::transfer_at_least(kFrameHeaderBytes - got_), kAsTuple);
      if (error) co_return Head{error, std::nullopt};
      got_ += size;
    }
    const auto header = decode_header(std::span(bytes_).first<kFrameHeaderBytes>());
    drop(kFrameHeaderBytes);
    co_return Head{{}, header};
  }

  // Fills `body`, which has the size that the header tells and must outlive the call.
  awaitable<error_code> read_body(std::string& body) {
    const std::size_t here = std::min(got_, body.size());
    std::memcpy(body.data(), bytes_.data(), here);
    drop(here);
    if (here == body.size()) co_return error_code();
    const auto [error, size] =
        co_await net::async_read(socket_, net::buffer(body) + here, kAsTuple);
    co_return error;
  }

 private:
  void drop(std::size_t size) {
    got_ -= size;
    std::memmove(bytes_.data(), bytes_.data() + size, got_);
  }

  net::local::stream_protocol::socket& socket_;
  std::array<std::byte, 512> bytes_;
  std::size_t got_ = 0;  // of the beginning of `bytes_`
};

}  // namespace pyexec
