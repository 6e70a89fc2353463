// Decompresses request bodies piece by piece. Pure.
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
    wants_input,  // all input is used up
    more,         // there may be more output
    whole,        // the input is used up and ends where a gzip member ends
    broken        // this is not gzip
  };
  // Appends at most `most` bytes of output to `out`. Removes the input it used from the front of
  // `in`. Several members may follow each other.
  State next(std::string_view& in, std::string& out, std::size_t most);

 private:
  z_stream stream_ = {};
  bool is_between_ = false;  // between two members, or at the end
};

}  // namespace pyexec
