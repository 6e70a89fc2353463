// The state that the coroutines of one batch share, and the entries of its answer. On the server's
// thread.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "server/api/api.h"
#include "server/api/batch_answer.h"
#include "server/json/object_writer.h"

namespace pyexec {

struct Batch {
  Batch(net::any_io_executor executor, Api& the_api, Exchange& the_exchange, JsonItems::Form form);
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  // The client is gone: ends the jobs that still run.
  void cut_off();
  // Whether no more jobs begin.
  bool is_closing() const { return is_broken || api.lifecycle.is_draining(); }
  // Whether the client must read before the batch continues.
  bool is_full();

  // Adds an entry to the answer: for a job, or for a line that is not a valid one.
  void add(std::uint64_t index, OutcomeKind outcome, ObjectWriter members);
  void refuse(std::string_view id_json, unsigned status, std::string_view why);
  void add_progress();

  Api& api;
  Exchange& exchange;
  BatchAnswer answer;
  const JobCaps caps;  // of its jobs
  JobRequest defaults;
  std::optional<std::string> defaults_problem;
  std::uint64_t defaults_bytes = 0, sending_bytes = 0;
  std::uint64_t read = 0, done = 0, failed = 0, running = 0;
  std::uint64_t progress_ms = 0;
  bool has_defaults = false;
  bool is_whole = false;   // all of the body was read
  bool is_read = false;    // no more jobs begin
  bool is_broken = false;  // the client is gone, or an answer cannot be sent
  bool is_told = false;    // the answer was sent to its end
  std::set<Cancellation*> jobs;
  std::optional<Cancellation::Listening> client_watch;
  Signal more_answer, less_answer;
  Event written;
  Lifecycle::Watch drain_ends_answer, drain_ends_wait;
};

// Returns the members that every entry begins with.
ObjectWriter batch_entry(std::uint64_t index, std::string_view id_json, OutcomeKind outcome,
                         unsigned status);

}  // namespace pyexec
