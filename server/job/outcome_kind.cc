#include "server/job/outcome_kind.h"

#include <cstddef>

namespace pyexec {
namespace {

struct OutcomeRow {
  std::string_view name;
  unsigned status;
};

constexpr OutcomeRow kRows[] = {
#define X(name, status) {#name, status},
    PYEXEC_OUTCOMES(X)
#undef X
};

const OutcomeRow& row(OutcomeKind kind) {
  return kRows[static_cast<std::size_t>(kind)];
}

}  // namespace

std::string_view outcome_name(OutcomeKind kind) {
  return row(kind).name;
}

unsigned outcome_status(OutcomeKind kind) {
  return row(kind).status;
}

}  // namespace pyexec
