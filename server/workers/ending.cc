#include "server/workers/ending.h"

#include "server/job/validate_report.h"

namespace pyexec {

Outcome outcome_of_ending(const Ending& ending, const JobCaps& caps) {
  switch (ending.channel) {
    case Channel::too_large:
      return failed(OutcomeKind::output_limit, "result is more than the limit of " +
                                                   std::to_string(caps.result_bytes) + " bytes");
    case Channel::malformed:
      return failed(OutcomeKind::not_serializable, "the worker's report is malformed");
    case Channel::reported:
    case Channel::open:
    case Channel::closed:
    case Channel::unread:
      break;
  }
  if (ending.cancelled) return failed(OutcomeKind::internal, "the job was cancelled");
  if (ending.own_death && ending.out_of_memory) return memory_exceeded();
  if (ending.channel == Channel::unread || ending.jail_broke) {
    Outcome lost = failed(OutcomeKind::internal, "the worker was lost");
    lost.was_read = ending.channel != Channel::unread;
    return lost;
  }
  if (ending.own_death) return outcome_of_death(*ending.own_death, ending.options);
  return failed(OutcomeKind::internal, "the worker was lost");
}

Outcome not_forked(const sandbox::SetupError& error) {
  if (error.error == ENOMEM) return memory_exceeded();
  return failed(OutcomeKind::killed,
                "no process could be made for this cell: the session has as many as it may");
}

}  // namespace pyexec
