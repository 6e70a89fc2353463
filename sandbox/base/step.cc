#include "sandbox/base/step.h"

#include <cstring>

namespace pyexec::sandbox {
namespace {

struct StepText {
  const char* name;
  const char* what;
};

constexpr StepText kTexts[] = {
#define X(name, text) {#name, text},
    PYEXEC_STEPS(X)
#undef X
};

}  // namespace

std::string describe(const SetupError& error) {
  const auto row = static_cast<std::size_t>(error.step);
  if (row >= std::size(kTexts)) return "unknown step " + std::to_string(row);
  std::string text = std::string(kTexts[row].name) + "[" + std::to_string(error.index) + "] (" +
                     kTexts[row].what + "): ";
  return text + (error.error != 0 ? std::strerror(error.error) : "the step had no effect");
}

}  // namespace pyexec::sandbox
