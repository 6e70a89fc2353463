#include "server/gunzip.h"

#include <algorithm>
#include <limits>
#include <new>

namespace pyexec {
namespace {

constexpr int kGzipOnly = 15 + 16;  // zlib: + 16 is gzip's header and not zlib's

}  // namespace

Gunzip::Gunzip() {
  if (::inflateInit2(&stream_, kGzipOnly) != Z_OK) throw std::bad_alloc();
}

Gunzip::~Gunzip() {
  ::inflateEnd(&stream_);
}

Gunzip::State Gunzip::next(std::string_view& in, std::string& out, std::size_t most) {
  if (is_between_) {
    if (in.empty()) return State::whole;
    ::inflateReset(&stream_);
    is_between_ = false;
  }
  if (in.empty()) return State::wants_input;
  const std::size_t before = out.size();
  const auto taken =
      static_cast<uInt>(std::min<std::size_t>(in.size(), std::numeric_limits<uInt>::max()));
  out.resize(before + most);
  stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
  stream_.avail_in = taken;
  stream_.next_out = reinterpret_cast<Bytef*>(out.data() + before);
  stream_.avail_out = static_cast<uInt>(most);
  const int result = ::inflate(&stream_, Z_NO_FLUSH);
  in.remove_prefix(taken - stream_.avail_in);
  out.resize(out.size() - stream_.avail_out);
  is_between_ = result == Z_STREAM_END;
  if (result == Z_MEM_ERROR) throw std::bad_alloc();
  if (is_between_) return in.empty() ? State::whole : State::more;
  if (result != Z_OK && result != Z_BUF_ERROR) return State::broken;
  return stream_.avail_out == 0 || !in.empty() ? State::more : State::wants_input;
}

}  // namespace pyexec
