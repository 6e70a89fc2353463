// A bound on accepted jobs and a refusal beyond it: nothing queues without a place. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

namespace pyexec {

class Admission {
 public:
  // Held by a job from admission to answer; gives its place back when destroyed.
  class Permit {
   public:
    Permit(Permit&& other) noexcept : admission_(std::exchange(other.admission_, nullptr)) {}
    Permit& operator=(Permit&&) = delete;
    ~Permit() {
      if (admission_ != nullptr) --admission_->admitted_;
    }

   private:
    friend class Admission;
    explicit Permit(Admission& admission) : admission_(&admission) { ++admission.admitted_; }
    Admission* admission_;
  };

  explicit Admission(std::uint64_t places) : places_(places) {}

  std::optional<Permit> try_admit() {
    if (admitted_ >= places_) return std::nullopt;
    return Permit(*this);
  }
  std::uint64_t admitted() const { return admitted_; }

 private:
  std::uint64_t places_;
  std::uint64_t admitted_ = 0;
};

}  // namespace pyexec
