// POST /execute/batch: many jobs in one request, answered as they end.
//
//   reader ── line ──▶ parse ──▶ place (batch_share.h) ──▶ Engine::run ──▶ answer ──▶ writer
//
// The reader takes a line from the body once the line before has a place, so a body of any size is
// read only as fast as its jobs run. The reader also pauses while more than kMostWaitingBytes of
// the answer wait for the client.
#pragma once

#include "server/api/api.h"

namespace pyexec {

inline constexpr std::uint64_t kMostWaitingBytes = 8 << 20;

// Returns nullopt once the answer is sent, or as much of it as the client took.
awaitable<std::optional<Response>> execute_batch(Api& api, Exchange& exchange,
                                                 const Principal& principal);

}  // namespace pyexec
