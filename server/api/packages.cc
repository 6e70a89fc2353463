#include "server/api/packages.h"

#include <algorithm>

#include "server/job/answer.h"
#include "server/job/job_defaults.h"
#include "server/json/json_members.h"
#include "server/json/untrusted_json.h"

namespace pyexec {
namespace {

constexpr std::chrono::seconds kFresh{60};
constexpr const char* kListing = "import sys\nmain = sys.modules['_pyexec_packages'].listing\n";
constexpr const char* kNames = "import sys\nmain = sys.modules['_pyexec_packages'].names\n";

JobRequest listing_request(const JobCaps& caps, const char* script) {
  JobRequest request = plain_request(caps);
  request.job.script = script;
  std::string denied;
  for (std::string_view rest = caps.denied_imports; !rest.empty();) {
    const std::string_view name = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    if (name.empty()) continue;
    denied += denied.empty() ? "" : ", ";
    append_json_string(denied, name);
  }
  request.job.args = "[[" + denied + "]]";
  request.job.options.denied_imports.clear();  // they are not imported
  return request;
}

awaitable<Outcome> ask(Api& api, Exchange& exchange, const char* script) {
  const JobRequest request = listing_request(api.engine.caps, script);
  const auto output = output_for(request, api.engine.caps);
  auto running = api.engine.run(request, Rank::single, output, exchange.cancellation());
  co_return co_await std::move(running);
}

}  // namespace

awaitable<std::optional<Response>> list_packages(Api& api, Exchange& exchange) {
  PackageList& list = api.packages;
  if (Clock::now() < list.fresh_until) co_return Response{200, list.json};
  sandbox::Lap lap;
  const auto permit = admit(api, exchange, lap);
  if (!permit) co_return permit.error();
  auto asking = ask(api, exchange, kListing);
  const Outcome outcome = co_await std::move(asking);
  if (outcome.kind == OutcomeKind::busy) co_return busy_response(outcome.error);
  if (outcome.kind != OutcomeKind::ok)
    co_return execute_error(OutcomeKind::internal, 500,
                            "the packages cannot be listed: " + outcome.error);
  list = {outcome.result_json, Clock::now() + kFresh};
  co_return Response{200, list.json};
}

awaitable<std::vector<std::string>> package_names(Api& api, Exchange& exchange) {
  auto& [json, fresh_until] = api.package_names;
  if (Clock::now() >= fresh_until) {
    sandbox::Lap lap;
    const auto permit = admit(api, exchange, lap);
    if (!permit) co_return std::vector<std::string>();
    auto asking = ask(api, exchange, kNames);
    const Outcome outcome = co_await std::move(asking);
    if (outcome.kind != OutcomeKind::ok) co_return std::vector<std::string>();
    json = outcome.result_json;
    fresh_until = Clock::now() + kFresh;
  }
  std::vector<std::string> names;
  for (const std::string_view item : items_of_json(json))
    if (auto name = text_of_json(item)) names.push_back(*std::move(name));
  co_return names;
}

}  // namespace pyexec
