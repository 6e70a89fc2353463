// Reads one frame from a worker's job socket. Most are small, and come with one call.
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
  // Call once, first. Nothing may follow the frame before the worker is answered.
  awaitable<Head> read_head() {
    const auto [error, size] = co_await net::async_read(
        socket_, net::buffer(bytes_), net::transfer_at_least(kFrameHeaderBytes), kAsTuple);
    if (error) co_return Head{error, std::nullopt};
    got_ = size;
    co_return Head{{}, decode_header(std::span(bytes_).first<kFrameHeaderBytes>())};
  }

  // Fills `body`, which has the size that the header tells and must outlive the call.
  awaitable<error_code> read_body(std::string& body) {
    const std::size_t here = std::min(got_ - kFrameHeaderBytes, body.size());
    std::memcpy(body.data(), bytes_.data() + kFrameHeaderBytes, here);
    if (here == body.size()) co_return error_code();
    const auto [error, size] =
        co_await net::async_read(socket_, net::buffer(body) + here, kAsTuple);
    co_return error;
  }

 private:
  net::local::stream_protocol::socket& socket_;
  std::array<std::byte, 512> bytes_;
  std::size_t got_ = 0;
};

}  // namespace pyexec
