#include "server/api/run_and_answer.h"

#include "server/api/live.h"
#include "server/job/answer.h"

namespace pyexec {

awaitable<std::optional<Response>> run_and_answer(Api& api, Exchange& exchange, JobRequest request,
                                                  RunJob run) {
  sandbox::Lap lap;
  auto permit = admit(api, exchange, lap);
  if (!permit) co_return permit.error();
  if (const auto format = live_format(exchange.head())) {
    LiveRequest live = {std::move(request), *format, *std::move(permit), std::move(run)};
    co_await execute_live(api, exchange, std::move(live));
    co_return std::nullopt;
  }
  const auto output = output_for(request);
  auto running = run(request, output, exchange.cancellation());
  const Outcome outcome = co_await std::move(running);
  exchange.record().add_job(outcome);
  const std::uint64_t begun_ns = sandbox::monotonic_ns();
  const auto tell = [&] { return outcome_response(outcome, *output, request); };
  Response response = co_await api.offload.run(answer_bytes(outcome, *output), tell);
  response.begun_ns = begun_ns;
  co_return response;
}

}  // namespace pyexec
