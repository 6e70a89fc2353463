// The outcome of a request: the closed list that clients see in the Pyexec-Outcome header.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pyexec {

// name, HTTP status; docs/openapi.yaml explains each
#define PYEXEC_OUTCOMES(X)  \
  X(ok, 200)                \
  X(calls, 200)             \
  X(accepted, 202)          \
  X(invalid_request, 400)   \
  X(unauthorized, 401)      \
  X(invalid_script, 400)    \
  X(invalid_arguments, 422) \
  X(exception, 422)         \
  X(not_serializable, 422)  \
  X(time_limit, 422)        \
  X(memory_limit, 422)      \
  X(output_limit, 422)      \
  X(exited, 422)            \
  X(killed, 422)            \
  X(not_found, 404)         \
  X(gone, 410)              \
  X(unknown_template, 412)  \
  X(misdirected, 421)       \
  X(busy, 429)              \
  X(rate_limited, 429)      \
  X(internal, 500)

enum class OutcomeKind : std::uint8_t {
#define X(name, status) name,
  PYEXEC_OUTCOMES(X)
#undef X
};

inline constexpr std::size_t kOutcomes = 0
#define X(name, status) +1
    PYEXEC_OUTCOMES(X)
#undef X
    ;

std::string_view outcome_name(OutcomeKind kind);
unsigned outcome_status(OutcomeKind kind);

}  // namespace pyexec
