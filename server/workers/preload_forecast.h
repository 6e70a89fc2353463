// Predicts from the last jobs which kind of worker the next ones will want. Pure.
#pragma once

#include <cstdint>

#include "worker/protocol/control.h"

namespace pyexec {

class PreloadForecast {
 public:
  void saw(Preload wanted) {
    constexpr double kMemory = 32;  // jobs
    pandas_share_ += ((wanted == Preload::pandas ? 1 : 0) - pandas_share_) / kMemory;
  }
  // Returns by how many `count` workers of this kind exceed the need of a pool of `size`. Negative:
  // how many are missing.
  double surplus(Preload preload, std::uint64_t count, std::uint64_t size) const {
    const double share = preload == Preload::pandas ? pandas_share_ : 1 - pandas_share_;
    return static_cast<double>(count) - share * static_cast<double>(size);
  }

 private:
  double pandas_share_ = 0.5;  // of the last jobs
};

}  // namespace pyexec
