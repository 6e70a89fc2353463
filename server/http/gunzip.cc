#include "server/http/gunzip.h"

#include <algorithm>
#include <new>
#include <utility>

namespace pyexec {
namespace {

constexpr int kGzipOnly = 15 + 16;  // zlib: + 16 means gzip's header, not zlib's
// Input per call: a member has at least 20 bytes, and each costs as much as many bytes.
constexpr std::size_t kMostTaken = 64 << 10;

}  // namespace

Gunzip::Gunzip() {
  if (::inflateInit2(&stream_, kGzipOnly) != Z_OK) throw std::bad_alloc();
}

Gunzip::~Gunzip() {
  ::inflateEnd(&stream_);
}

Gunzip::State Gunzip::next(std::string_view& in, std::string& out, std::size_t most) {
  if (in.empty()) return is_between_ ? State::whole : State::wants_input;
  const std::size_t before = out.size();
  const auto taken = static_cast<uInt>(std::min(in.size(), kMostTaken));
  out.resize(before + most);
  stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
  stream_.avail_in = taken;
  stream_.next_out = reinterpret_cast<Bytef*>(out.data() + before);
  stream_.avail_out = static_cast<uInt>(most);
  int result;
  do {  // a resize for each of many empty members would cost more than reading them
    if (std::exchange(is_between_, false)) ::inflateReset(&stream_);
    result = ::inflate(&stream_, Z_NO_FLUSH);
    is_between_ = result == Z_STREAM_END;
  } while (is_between_ && stream_.avail_in > 0 && stream_.avail_out > 0);
  in.remove_prefix(taken - stream_.avail_in);
  out.resize(out.size() - stream_.avail_out);
  if (result == Z_MEM_ERROR) throw std::bad_alloc();
  if (is_between_) return in.empty() ? State::whole : State::more;
  if (result != Z_OK && result != Z_BUF_ERROR) return State::broken;
  return stream_.avail_out == 0 || !in.empty() ? State::more : State::wants_input;
}

}  // namespace pyexec
