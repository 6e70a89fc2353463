#include "server/openapi_examples.h"

namespace pyexec {
namespace {}

std::span<const Example> openapi_examples() {
  return {};
}

}  // namespace pyexec
