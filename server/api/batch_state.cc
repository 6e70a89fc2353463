#include "server/api/batch_state.h"

#include <utility>

#include "server/api/batch.h"
#include "server/api/entrance.h"

namespace pyexec {

Batch::Batch(net::any_io_executor executor, Api& the_api, Exchange& the_exchange,
             JsonItems::Form form)
    : api(the_api),
      exchange(the_exchange),
      answer(form),
      caps(caps_of(the_api, the_exchange)),
      defaults(plain_request(caps)),
      more_answer(executor),
      less_answer(executor),
      written(executor),
      drain_ends_answer(the_api.lifecycle, more_answer),
      drain_ends_wait(the_api.lifecycle, less_answer) {}

void Batch::cut_off() {
  if (std::exchange(is_broken, true)) return;
  for (Cancellation* job : std::set(jobs)) job->request(Cancellation::By::client);
  more_answer.set();
  less_answer.set();
}

bool Batch::is_full() {
  const std::uint64_t waiting = answer.bytes() + sending_bytes;
  return waiting > kMostWaitingBytes || !exchange.hold(waiting);
}

ObjectWriter batch_entry(std::uint64_t index, std::string_view id_json, OutcomeKind outcome,
                         unsigned status) {
  ObjectWriter members;
  members.number("index", index);
  members.json("id", id_json);
  members.text("outcome", outcome_name(outcome));
  members.number("status", status);
  return members;
}

void Batch::add(std::uint64_t index, OutcomeKind outcome, ObjectWriter members) {
  answer.add(index, members.object());
  ++done;
  if (outcome != OutcomeKind::ok) ++failed;
  const bool is_gone = is_broken && !exchange.cancellation().requested(Cancellation::By::service);
  api.metrics.count_answer(outcome, exchange.record().key,
                           is_gone ? Metrics::Client::gone : Metrics::Client::there);
  more_answer.set();
}

void Batch::refuse(std::string_view id_json, unsigned status, std::string_view why) {
  const std::uint64_t index = read++;
  ObjectWriter members = batch_entry(index, id_json, OutcomeKind::invalid_request, status);
  members.text("error", why);
  add(index, OutcomeKind::invalid_request, std::move(members));
}

void Batch::add_progress() {
  ObjectWriter inner, note;
  inner.number("read", read);
  inner.number("running", running);
  inner.number("done", done);
  inner.number("failed", failed);
  note.json("progress", inner.object());
  answer.add_note(note.object());
}

}  // namespace pyexec
