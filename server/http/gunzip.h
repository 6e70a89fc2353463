// Bodies of requests that came compressed, unpacked piece by piece. Pure.
#pragma once

#include <zlib.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace pyexec {

class Gunzip {
 public:
  // Throws std::bad_alloc.
  Gunzip();
  ~Gunzip();
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;

  enum class State {
    wants_input,  // all of it is used up
    more,         // there may be more output
    whole,        // the input ended where a gzip member does, and is used up
    broken        // this is not gzip
  };
  // Appends what comes next, at most `most` bytes, to `out`, and takes what that used from the
  // front of `in`. Members may follow each other.
  State next(std::string_view& in, std::string& out, std::size_t most);

 private:
  z_stream stream_ = {};
  bool is_between_ = false;  // two members, or at the end
};

}  // namespace pyexec
