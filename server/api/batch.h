// POST /execute/batch: many jobs in one request, answered as they end.
//
//   reader ── line ──▶ parse ──▶ place (batch_share.h) ──▶ Engine::run ──▶ answer ──▶ writer
//
// The reader takes a line from the body when the one before has a place, so that a body of any size
// is read only as fast as its jobs run; it stops, too, while more of the answer waits for the
// client than kMostWaitingBytes.
#pragma once

#include "server/api/api.h"

namespace pyexec {

inline constexpr std::uint64_t kMostWaitingBytes = 8 << 20;

// Nothing once the answer is given, or as much of it as the client took.
awaitable<std::optional<Response>> execute_batch(Api& api, Exchange& exchange,
                                                 const Principal& principal);

}  // namespace pyexec
