// Admission control with a fixed bound, for jobs and for bytes: nothing waits without a place.
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

namespace pyexec {

class Admission {
 public:
  // Held by a job from admission to answer, and by a request as long as its body is in memory.
  // Returns its places when destroyed.
  class Permit {
   public:
    Permit(Permit&& other) noexcept
        : admission_(std::exchange(other.admission_, nullptr)), places_(other.places_) {}
    Permit& operator=(Permit&&) = delete;
    ~Permit() {
      if (admission_ != nullptr) admission_->admitted_ -= places_;
    }

    // Grows to at least `places`. Returns false and changes nothing if there is no room.
    bool grow(std::uint64_t places) { return places <= places_ || resize(places); }
    // Grows or shrinks to exactly `places`. Returns false as above.
    bool resize(std::uint64_t places) {
      if (places > places_ && places - places_ > admission_->places_ - admission_->admitted_)
        return false;
      admission_->admitted_ = admission_->admitted_ - places_ + places;
      places_ = places;
      return true;
    }

   private:
    friend class Admission;
    Permit(Admission& admission, std::uint64_t places) : admission_(&admission), places_(places) {
      admission.admitted_ += places;
    }
    Admission* admission_;
    std::uint64_t places_;
  };

  explicit Admission(std::uint64_t places) : places_(places) {}

  std::optional<Permit> try_admit(std::uint64_t places = 1) {
    if (places > places_ - admitted_) return std::nullopt;
    return Permit(*this, places);
  }
  std::uint64_t admitted() const { return admitted_; }

 private:
  std::uint64_t places_;
  std::uint64_t admitted_ = 0;
};

}  // namespace pyexec
